/** Figures of profiles, as SVG: decode steps by batch. */
import type { ProfileComparison } from "../profile/compare.ts";
import type { Profile } from "../profile/schema.ts";
import { linesFigure } from "./figures/lines.ts";

const BATCH = { label: "sequences in the step", scale: "log" } as const;
const STEP = { label: "decode step", unit: "ms", scale: "log" } as const;

/** Decode steps of one profile, a line for each context. */
export function profileFigure(profile: Profile): Promise<string> {
  const { batch, contextTokens, iterationMs, provenance } = profile.decode;
  return linesFigure({
    title: `Decode steps: ${profile.id}`,
    subtitle: `${deploymentOf(profile)}; provenance: ${provenance ?? profile.provenance}`,
    notes: outsideNote(profile),
    x: BATCH,
    y: STEP,
    series: contextTokens.map((context, c) => ({
      id: `context-${context}`,
      label: `${context} tokens`,
      x: batch,
      y: batch.map((_, b) => iterationMs[b][c]),
    })),
  });
}

/** Decode steps of two profiles at the contexts of their comparison; the second is dashed. */
export function comparisonFigure(a: Profile, b: Profile, { decode }: ProfileComparison): Promise<string> {
  return linesFigure({
    title: "Decode steps of two profiles",
    subtitle: `a: ${a.id} (${a.provenance}); b, dashed: ${b.id} (${b.provenance})`,
    notes: [...outsideNote(a, "a: "), ...outsideNote(b, "b: ")],
    x: BATCH,
    y: STEP,
    series: decode.flatMap(({ contextTokens, points }) =>
      (["a", "b"] as const).map((which) => ({
        id: `${which}-${contextTokens}`,
        label: `${which}, ${contextTokens} tokens`,
        dashed: which === "b",
        x: points.map(({ at }) => at),
        y: points.map((point) => point[which]),
      })),
    ),
  });
}

function deploymentOf({ gpu, model, precision, engine }: Profile): string {
  return `${model.name} ${precision} on ${gpu === null ? "CPU" : `${gpu.count} x ${gpu.sku}`}, ${engine.name}`;
}

function outsideNote({ decode }: Profile, prefix = ""): string[] {
  const cells = decode.extrapolated?.flat() ?? [];
  const outside = cells.filter(Boolean).length;
  return outside === 0
    ? []
    : [`${prefix}${outside} of ${cells.length} cells lie outside the measured tables`];
}
