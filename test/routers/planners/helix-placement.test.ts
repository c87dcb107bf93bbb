import { expect, test } from "vitest";
import { type Link, maxFlow } from "../../../src/numeric/max-flow.ts";
import { Stream } from "../../../src/numeric/random.ts";
import { helixPlacement, type PlacementNode } from "../../../src/routers/planners/helix-placement.ts";

const node = (...tokensPerSecond: number[]): PlacementNode => ({ tokensPerSecond });

test("two nodes for half the layers each make a chain", async () => {
  const placed = await helixPlacement([node(12, 6), node(12, 6)], { layers: 4 });
  expect(placed?.tokensPerSecond).toBeCloseTo(6, 6);
  expect([...placed!.first].sort()).toEqual([0, 2]);
  expect(placed?.count).toEqual([2, 2]);
});

test("one whole beside a chain of two: 5 + 6", async () => {
  const placed = await helixPlacement([node(10, 5), node(6), node(6)], { layers: 2 });
  expect(placed?.tokensPerSecond).toBeCloseTo(11, 6);
  expect(placed?.count).toEqual([2, 1, 1]);
});

test("links limit, and layers that nobody can hold let nothing through", async () => {
  const limited = await helixPlacement([node(12, 6), node(12, 6)], { layers: 4, linkTokensPerSecond: 2 });
  expect(limited?.tokensPerSecond).toBeCloseTo(2, 6);
  expect(await helixPlacement([node(12), node(12)], { layers: 3 })).toBeUndefined();
});

test("with partial inference a node may skip what was done: never less", async () => {
  // Both hold two of three layers: the second does only the last, at its rate for two.
  const nodes = [node(1, 6), node(1, 6)];
  expect((await helixPlacement(nodes, { layers: 3 }))?.tokensPerSecond).toBeCloseTo(1, 6);
  expect((await helixPlacement(nodes, { layers: 3, partialInference: true }))?.tokensPerSecond).toBeCloseTo(
    6,
    6,
  );
});

test.each([1, 2, 3, 4])("seed %i: as good as the best of all placements, tried one by one", async (seed) => {
  const random = new Stream(seed, "placement");
  const layers = 3;
  const nodes = Array.from({ length: 3 }, () =>
    node(...Array.from({ length: 1 + random.below(3) }, (_, k) => (10 + random.below(40)) / (k + 1))),
  );
  const ways = nodes.map(({ tokensPerSecond }) =>
    tokensPerSecond.flatMap((rate, k) =>
      Array.from({ length: layers - k }, (_, first) => ({ first, end: first + k + 1, rate })),
    ),
  );
  let best = 0;
  for (const a of ways[0]) {
    for (const b of ways[1]) {
      for (const c of ways[2]) best = Math.max(best, flowOf([a, b, c], layers));
    }
  }
  const placed = await helixPlacement(nodes, { layers });
  expect(placed?.tokensPerSecond ?? 0).toBeCloseTo(best, 5);
});

function flowOf(parts: readonly { first: number; end: number; rate: number }[], layers: number): number {
  const links: Link[] = [];
  for (const [i, one] of parts.entries()) {
    const [inside, outside] = [2 + 2 * i, 3 + 2 * i];
    links.push({ from: inside, to: outside, capacity: one.rate });
    if (one.first === 0) links.push({ from: 0, to: inside, capacity: 1000 });
    if (one.end === layers) links.push({ from: outside, to: 1, capacity: 1000 });
    for (const [j, other] of parts.entries()) {
      if (one.end === other.first) links.push({ from: outside, to: 2 + 2 * j, capacity: 1000 });
    }
  }
  return maxFlow(2 + 2 * parts.length, links, 0, 1).value;
}
