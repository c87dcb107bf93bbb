/**
 * What every router has to keep, run over each registered one and usable for one of your own: placements follow
 * from seed and visible fields alone, no request is lost, `needsLarge` is obeyed. That a decision allocates nothing
 * is measured by allocation-probe.ts.
 */
import { describe, expect, test } from "vitest";
import type { Router, RouterDefinition } from "../../src/routers/contract.ts";
import { createRouter } from "../../src/routers/registry.ts";
import { affineLaw, type RecordingSink, type RunParts, runParts, type Simulate } from "../oracle/build.ts";
import { cedarTiers } from "./fake-host.ts";
import { suiteEndpoints, suiteRegions, suiteRows } from "./suite-rows.ts";
import { suiteAnswers, trainedFor } from "./trained.ts";

export { suiteEndpoints, suiteRegions, suiteRows } from "./suite-rows.ts";

/** What a router needs beside its defaults to be run by the suite; artefacts that training leaves are made here. */
export interface SuiteSetting {
  readonly parameters?: unknown;
  /** Parameters under which it takes no request back: what comes back tells how far it has got. */
  readonly blindParameters?: unknown;
  readonly artefacts?: ReadonlyMap<string, Uint8Array>;
}

export interface SuiteRun {
  readonly sink: RecordingSink;
  readonly totals: ReturnType<Simulate>;
}

/** Runs a registered router over the suite's fleet and rows, or over others. */
export function runRouter(
  simulate: Simulate,
  definition: RouterDefinition,
  parts: Partial<RunParts> = {},
  setting: SuiteSetting = {},
): SuiteRun {
  const { router } = createRouter(definition, setting.parameters, "contract suite");
  return runParts(simulate, {
    endpoints: suiteEndpoints,
    regions: suiteRegions,
    rows: suiteRows(1),
    trace: { tiers: cedarTiers },
    artefacts: setting.artefacts ?? trainedFor(definition, simulate),
    answers: suiteAnswers,
    clairvoyant: definition.clairvoyant === true,
    ...parts,
    router: router as Router,
  } as RunParts);
}

/** Placements in order of time, as text: what two runs are compared by. */
export function placementsOf(run: SuiteRun): string {
  return run.sink.placements.map((p) => `${p.id}>${p.endpoint}@${p.atSeconds}`).join(" ");
}

/** Registers the checks of one router that need a simulator. */
export function describeRuns(
  definition: RouterDefinition,
  simulate: Simulate,
  setting: SuiteSetting = {},
): void {
  const run = (parts: Partial<RunParts> = {}) => runRouter(simulate, definition, parts, setting);
  let known: SuiteRun | undefined;
  /** One run with reasons, which several tests look at. */
  const explained = (): SuiteRun => {
    known ??= run({ seed: 3, explain: true });
    return known;
  };

  describe(definition.id, () => {
    test("the same seed gives the same placements, whether reasons are asked for or not", () => {
      expect(placementsOf(run({ seed: 3 }))).toBe(placementsOf(explained()));
    });

    test("every request ends once, with the objective of its tier, through caps, faults and scaling", () => {
      const rows = suiteRows(2);
      const { totals, sink } = run({
        rows,
        endpoints: suiteEndpoints.map((e) => ({ ...e, maxOutstanding: 24, replicas: 2, maxReplicas: 3 })),
        faults: [
          { atSeconds: 3, endpoint: 0, kind: "down" },
          { atSeconds: 6, endpoint: 2, kind: "notice", noticeSeconds: 1 },
          { atSeconds: 8, endpoint: 0, kind: "up" },
          { atSeconds: 9, endpoint: 4, kind: "slow", timeFactor: 4 },
          { atSeconds: 12, endpoint: 2, kind: "up" },
        ],
      });
      expect(totals.finished + totals.rejected).toBe(rows.length);
      expect(totals.unfinished).toBe(0);
      expect(sink.rows).toHaveLength(rows.length);
      expect(sink.placements.length).toBeGreaterThan(0.9 * rows.length);
    });

    const { router } = createRouter(definition, setting.parameters, "contract suite");
    if (router.needs?.telemetry === "counts") {
      test("it reads no tokens held, of which it asks not to be told", () => {
        const all: RouterDefinition = {
          ...definition,
          create(...given) {
            const router = definition.create(...given);
            return Object.defineProperty(router, "needs", { value: { ...router.needs, telemetry: true } });
          },
        };
        const law = affineLaw({
          baseSeconds: 0.004,
          perPromptTokenSeconds: 1e-4,
          perSequenceSeconds: 2e-4,
          perContextTokenSeconds: 4e-7,
        });
        const parts = {
          rows: suiteRows(6).slice(0, 300),
          latency: "e2e" as const,
          endpoints: suiteEndpoints.map((e) => ({ ...e, law, maxOutstanding: 24 })),
        };
        const runs = [definition, all].map((d) => placementsOf(runRouter(simulate, d, parts, setting)));
        expect(runs[0]).toBe(runs[1]);
      });
    }

    test("what needs the large model goes there, and is refused where there is none", () => {
      const rows = suiteRows(1);
      for (const { id, endpoint } of explained().sink.placements) {
        if (rows[id].needsLarge) expect(endpoint).toBeLessThan(4);
      }
      const small = run({
        endpoints: suiteEndpoints.map((e) => ({ ...e, model: 1 })),
        rows: rows.map((row, i) => ({ ...row, needsLarge: i % 10 === 0 })),
      }).sink;
      for (const row of small.rows) expect(row.status).toBe(row.id % 10 === 0 ? "rejected" : "finished");
    });

    if (definition.clairvoyant !== true) {
      test("the true output lengths decide nothing before they are known", () => {
        const rows = suiteRows(3);
        const shuffled = rows.map((row, i) => ({ ...row, output: rows[(i + 101) % rows.length].output }));
        // No telemetry and no completion before the last arrival.
        const blind = { telemetryIntervalSeconds: 1000, latency: "e2e" as const };
        const parameters = setting.blindParameters ?? setting.parameters;
        const [one, other] = [shuffled, rows].map((given) =>
          placementsOf(
            runRouter(simulate, definition, { ...blind, rows: given }, { ...setting, parameters }),
          ),
        );
        expect(one === other).toBe(true);
      });
    }

    test("reasons, where it gives them, are one per placement with a score per endpoint", () => {
      const { totals, sink } = explained();
      const { explanations } = totals;
      if (explanations.length > 0) expect(explanations).toHaveLength(sink.placements.length);
      for (const { endpoint, scores, reason } of explanations) {
        expect(reason).not.toBe("");
        expect(endpoint).toBeGreaterThanOrEqual(0);
        if (scores === null) continue;
        expect(scores).toHaveLength(suiteEndpoints.length);
        if (!scores.every(Number.isNaN)) expect(scores[endpoint]).not.toBeNaN();
      }
    });
  });
}
