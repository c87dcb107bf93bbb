import { describe, expect, test } from "vitest";
import { type Link, maxFlow } from "../../src/numeric/max-flow.ts";
import { Stream } from "../../src/numeric/random.ts";

const link = (from: number, to: number, capacity: number): Link => ({ from, to, capacity });

test("two ways by hand (MARLIN baselines, facts)", () => {
  const { value, flows } = maxFlow(4, [link(0, 1, 5), link(0, 2, 3), link(1, 3, 4), link(2, 3, 6)], 0, 3);
  expect(value).toBe(7);
  expect([...flows]).toEqual([4, 3, 4, 3]);
  expect(flows[0] / value).toBeCloseTo(0.5714, 4);
  expect(flows[1] / value).toBeCloseTo(0.4286, 4);
});

test("flow is taken back where the first path was a bad one", () => {
  // The cross link would take 1 from both ways.
  const links = [link(0, 1, 1), link(0, 2, 1), link(1, 2, 1), link(1, 3, 1), link(2, 3, 1)];
  expect(maxFlow(4, links, 0, 3).value).toBe(2);
  const crossed = [
    link(0, 1, 1),
    link(1, 2, 1),
    link(2, 5, 1),
    link(0, 3, 1),
    link(3, 4, 1),
    link(4, 2, 1),
    link(1, 6, 1),
    link(6, 5, 1),
  ];
  expect(maxFlow(7, crossed, 0, 5).value).toBe(2);
});

test("links of infinite capacity carry what others allow", () => {
  const { value, flows } = maxFlow(3, [link(0, 1, Number.POSITIVE_INFINITY), link(1, 2, 2.5)], 0, 2);
  expect([value, ...flows]).toEqual([2.5, 2.5, 2.5]);
});

test("no way, no flow", () => {
  expect(maxFlow(3, [link(0, 1, 5)], 0, 2)).toEqual({ value: 0, flows: Float64Array.of(0) });
});

describe("random networks", () => {
  test.each([1, 2, 3, 4, 5])("seed %i: flow is kept at nodes, and equals the least cut of all", (seed) => {
    const random = new Stream(seed, "networks");
    const nodes = 7;
    const links = Array.from({ length: 26 }, () => {
      const from = random.below(nodes);
      return link(from, (from + 1 + random.below(nodes - 1)) % nodes, random.below(20));
    });
    const { value, flows } = maxFlow(nodes, links, 0, 6);
    const net = new Float64Array(nodes);
    for (const [i, { from, to, capacity }] of links.entries()) {
      expect(flows[i]).toBeGreaterThanOrEqual(0);
      expect(flows[i]).toBeLessThanOrEqual(capacity);
      net[from] += flows[i];
      net[to] -= flows[i];
    }
    expect([...net]).toEqual([value, 0, 0, 0, 0, 0, 0 - value]);
    let least = Number.POSITIVE_INFINITY;
    for (let set = 1; set < 64; set += 2) {
      const inside = (node: number) => ((set >> node) & 1) === 1;
      const cut = links.filter(({ from, to }) => inside(from) && !inside(to));
      least = Math.min(
        least,
        cut.reduce((sum, { capacity }) => sum + capacity, 0),
      );
    }
    expect(value).toBe(least);
    expect(value).toBeGreaterThan(0);
  });
});

test("networks that are none are refused", () => {
  expect(() => maxFlow(2, [link(0, 2, 1)], 0, 1)).toThrow("link 0 joins 0 and 2 of 2 nodes");
  expect(() => maxFlow(2, [link(0, 1, -1)], 0, 1)).toThrow("link 0 has capacity -1");
  expect(() => maxFlow(2, [link(0, 1, Number.NaN)], 0, 1)).toThrow("link 0 has capacity NaN");
  expect(() => maxFlow(2, [], 1, 1)).toThrow("source and sink are both node 1");
  expect(() => maxFlow(2, [link(0, 1, Number.POSITIVE_INFINITY)], 0, 1)).toThrow("infinite capacity");
});
