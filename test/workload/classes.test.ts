import { expect, test } from "vitest";
import { Stream } from "../../src/numeric/random.ts";
import { FloorSampler, ShareSampler } from "../../src/workload/classes.ts";

test("shares that sum to a little less than 1 never give an index beyond the last share", () => {
  // Of 8 million draws about eight fall above 0.999999.
  const sampler = new ShareSampler([0.333333, 0.333333, 0.333333, 0], new Stream(1, "test"));
  let largest = 0;
  for (let i = 0; i < 8_000_000; i++) largest = Math.max(largest, sampler.next());
  expect(largest).toBe(2);
});

test("indices without a share are never drawn", () => {
  const sampler = new ShareSampler([0, 0.5, 0, 0.5, 0], new Stream(1, "test"));
  const drawn = new Uint8Array(10_000);
  sampler.fill(drawn, drawn.length);
  expect(new Set(drawn)).toEqual(new Set([1, 3]));
});

test("a floor draws once a request, so that one tier's share does not move another's draws", () => {
  const tiers = Uint8Array.from({ length: 1000 }, (_, i) => i % 2);
  const drawn = (shares: number[]) => {
    const out = new Uint8Array(1000);
    new FloorSampler(Float64Array.from(shares), new Stream(1, "test")).fill(out, tiers, 1000);
    return out;
  };
  const half = drawn([0.5, 0.5]);
  const certain = drawn([1, 0.5]);
  for (let i = 0; i < 1000; i++) expect(certain[i]).toBe(i % 2 === 0 ? 1 : half[i]);
});
