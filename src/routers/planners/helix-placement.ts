import { highs } from "../../datacenter/highs.ts";

/** A node for the placement: `tokensPerSecond[k - 1]` with k layers of the model, as many as it can hold. */
export interface PlacementNode {
  readonly tokensPerSecond: readonly number[];
}

export interface PlacementOptions {
  readonly layers: number;
  /** Of every link, tokens a second; default: no limit. */
  readonly linkTokensPerSecond?: number;
  /** A node may skip layers that its predecessor did already (default false). */
  readonly partialInference?: boolean;
}

export interface Placement {
  readonly tokensPerSecond: number;
  /** First layer, from 0, and number of layers of each node. */
  readonly first: readonly number[];
  readonly count: readonly number[];
}

/**
 * Helix's placement (its `ilp_layout.py`) as an integer programme, solved by HiGHS: which consecutive layers each node
 * holds, so that the flow of tokens from source to sink is largest. A link carries tokens only where its end goes on
 * with the layer at which its beginning stops. For up to some ten nodes.
 *
 * @returns undefined when no placement lets anything through
 * @throws Error when HiGHS gives up
 */
export async function helixPlacement(
  nodes: readonly PlacementNode[],
  { layers, linkTokensPerSecond, partialInference = false }: PlacementOptions,
): Promise<Placement | undefined> {
  const all = nodes.map((_, i) => i);
  const total = nodes.reduce((sum, { tokensPerSecond }) => sum + Math.max(...tokensPerSecond), 0);
  const link = Math.min(total, linkTokensPerSecond ?? total);
  const counts = nodes.map(({ tokensPerSecond }) =>
    tokensPerSecond.slice(0, layers).map((_, place) => place + 1),
  );
  // A term a line: lines have a largest length.
  const held = (i: number, sign = "+") => counts[i].map((k) => `\n ${sign} ${k} b${i}_${k}`).join("");
  const pairs = all.flatMap((u) => all.filter((v) => v !== u).map((v) => [u, v] as const));
  const edges = [
    ...all.map((i) => `s_${i}`),
    ...all.map((i) => `${i}_t`),
    ...pairs.map(([u, v]) => `${u}_${v}`),
  ];
  const lines = ["Maximize", ` flow: ${all.map((i) => `f_s_${i}`).join(" + ")}`, "Subject To"];
  for (const i of all) {
    const others = all.filter((j) => j !== i);
    const inflow = [`f_s_${i}`, ...others.map((j) => `f_${j}_${i}`)];
    const outflow = [`f_${i}_t`, ...others.map((j) => `f_${i}_${j}`)];
    const rates = counts[i].map((k) => `\n - ${nodes[i].tokensPerSecond[k - 1]} b${i}_${k}`).join("");
    lines.push(` one${i}: ${counts[i].map((k) => `b${i}_${k}`).join("\n + ")} = 1`);
    lines.push(` fit${i}: s${i}${held(i)}\n <= ${layers}`);
    lines.push(` keep${i}: ${inflow.join(" + ")} - ${outflow.join(" - ")} = 0`);
    lines.push(` rate${i}: ${inflow.join(" + ")}${rates} <= 0`);
    lines.push(` from${i}: s${i} + ${layers} d_s_${i} <= ${layers}`);
    lines.push(` upto${i}: s${i}${held(i)}\n - ${layers} d_${i}_t >= 0`);
  }
  for (const [u, v] of pairs) {
    const open = `\n + ${layers} d_${u}_${v} <= ${layers}`;
    lines.push(` next${u}_${v}: s${v} - s${u}${held(u, "-")} ${open}`);
    if (partialInference) {
      lines.push(
        ` more${u}_${v}: s${u}${held(u)} - s${v}${held(v, "-")}\n + ${layers} d_${u}_${v} <= ${layers - 1}`,
      );
    } else {
      lines.push(` same${u}_${v}: s${u}${held(u)} - s${v} ${open}`);
    }
  }
  for (const edge of edges) lines.push(` open_${edge}: f_${edge} - ${link} d_${edge} <= 0`);
  lines.push("Bounds");
  for (const i of all) lines.push(` 0 <= s${i} <= ${layers - 1}`);
  lines.push("General", ...all.map((i) => ` s${i}`), "Binary");
  for (const i of all) for (const k of counts[i]) lines.push(` b${i}_${k}`);
  for (const edge of edges) lines.push(` d_${edge}`);
  lines.push("End");
  const solution = (await highs()).solve(lines.join("\n"), { mip_rel_gap: 0 });
  if (solution.Status !== "Optimal") throw new Error(`HiGHS ended as ${solution.Status}`);
  if (solution.ObjectiveValue <= 1e-9 * total) return undefined;
  const value = (name: string) => Math.round(solution.Columns[name].Primal);
  return {
    tokensPerSecond: solution.ObjectiveValue,
    first: all.map((i) => value(`s${i}`)),
    count: all.map((i) => counts[i].find((k) => value(`b${i}_${k}`) === 1) ?? 0),
  };
}
