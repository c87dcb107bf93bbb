/** What a plan trains before its runs, for `canopy run --dry-run` and the manifest. */
import { createHash } from "node:crypto";
import type { ExperimentPlan } from "../experiment/expand.ts";
import type { ManifestTraining } from "../report/manifest.ts";
import type { Table } from "../report/table.ts";
import { isoTime } from "../signal/series.ts";
import { readTrained } from "../sweep/artefact-cache.ts";

/** What is looked at of a plan. */
type TrainingPlan = Pick<ExperimentPlan, "trainings" | "runs" | "inputs">;

/**
 * The trainings of a plan, each once, with the hashes of what they left.
 *
 * @param folder that keeps what was trained; null: nothing is known of it yet
 */
export function trainingFacts(plan: TrainingPlan, folder: string | null): ManifestTraining[] {
  return plan.trainings.map(({ key, point, seed, start, artefacts }) => {
    const users = plan.runs.filter(({ router }) => router.training === key);
    const { workload } = plan.inputs.points[point].experiment;
    const trained = folder === null ? undefined : readTrained(folder, key, artefacts);
    return {
      key,
      routers: [...new Set(users.map(({ router }) => router.label))],
      point: users[0]?.labels ?? {},
      seed,
      start: start === null ? null : isoTime(start),
      durationS: workload.durationS ?? null,
      requests: ("requests" in workload ? workload.requests : undefined) ?? null,
      artefacts: artefacts.map((name) => {
        const bytes = trained?.[name];
        return {
          name,
          sha256: bytes === undefined ? null : createHash("sha256").update(bytes).digest("hex"),
          rows: bytes === undefined ? null : rowsOf(bytes),
        };
      }),
    };
  });
}

/** The trainings of plans as a table; undefined where nothing is trained. */
export function trainingTable(trainings: readonly ManifestTraining[]): Table | undefined {
  if (trainings.length === 0) return undefined;
  const points = trainings.some(({ point }) => Object.keys(point).length > 0);
  return {
    title: "Trained before the runs",
    columns: [
      ...(points ? [{ key: "point", header: "point" }] : []),
      { key: "routers", header: "for" },
      { key: "artefacts", header: "leaves" },
      { key: "seed", header: "seed", format: "integer" },
      { key: "requests", header: "on" },
    ],
    rows: trainings.map(({ point, routers, artefacts, seed, durationS, requests }) => ({
      cells: {
        ...(points
          ? {
              point: Object.entries(point)
                .map(([label, value]) => `${label}=${JSON.stringify(value)}`)
                .join(" "),
            }
          : {}),
        routers: routers.join(", "),
        artefacts: artefacts.map(({ name }) => name).join(", "),
        seed,
        requests: durationS === null ? `${requests} requests` : `${durationS} s of requests`,
      },
    })),
    notes: [`Trainings: ${trainings.length}, each once for all the runs that need it.`],
  };
}

/** Rows that an artefact in JSON says it was trained on; null where it says none. */
function rowsOf(bytes: Uint8Array): number | null {
  try {
    const { training } = JSON.parse(new TextDecoder().decode(bytes)) as { training?: { rows?: unknown } };
    return typeof training?.rows === "number" ? training.rows : null;
  } catch {
    return null;
  }
}
