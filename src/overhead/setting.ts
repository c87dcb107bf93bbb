/** What is measured on: harness/overhead/setting.yaml at a number of endpoints and a rate. */
import { fileURLToPath } from "node:url";
import { type ExperimentPlan, expandExperiment } from "../experiment/expand.ts";
import { loadExperiment } from "../experiment/load.ts";
import type { PlainValue } from "../experiment/located-tree.ts";

const SETTING = fileURLToPath(new URL("../../harness/overhead/setting.yaml", import.meta.url));

/** CAPS's pools: the regions of the setting. */
const POOLS = { lp: ["us-east-1-*"], cp: ["us-west-2-*"], bp: ["eu-west-1-*"] };

export interface SettingSize {
  readonly endpoints: number;
  /** Requests a second over all endpoints. */
  readonly ratePerSecond: number;
  readonly requests: number;
}

/** A router by id or file, with what it needs beside its defaults on this fleet. */
export interface MeasuredRouter {
  readonly name: string;
  readonly parameters: Readonly<Record<string, PlainValue>>;
}

/** A router by which the setting is planned whatever is measured; it needs nothing. */
export const PLAIN_ROUTER: MeasuredRouter = { name: "round-robin", parameters: {} };

/** The plan of the setting, one run for each router, {@link PLAIN_ROUTER} first. */
export async function planSetting(
  size: SettingSize,
  routers: readonly MeasuredRouter[],
): Promise<ExperimentPlan> {
  const { endpoints, ratePerSecond, requests } = size;
  const all = [PLAIN_ROUTER, ...routers.filter(({ name }) => name !== PLAIN_ROUTER.name)];
  const loaded = await loadExperiment(SETTING, {
    sets: [
      ...[0, 1, 2].map((part) => `fleet.${part}.count=${Math.floor((endpoints + 2 - part) / 3)}`),
      `workload.arrival.ratePerS=${ratePerSecond}`,
      `workload.requests=${requests}`,
      `routers=${JSON.stringify(all.map(({ name, parameters }) => ({ router: name, ...parameters })))}`,
    ],
  });
  return expandExperiment(loaded);
}

/** Parameters of a registered router on the setting's fleet: where its pools are. */
export function settingParameters(names: readonly string[]): MeasuredRouter["parameters"] {
  return names.includes("pools") ? { pools: POOLS } : {};
}
