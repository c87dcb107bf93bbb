import { expect, test } from "vitest";
import { compareProfiles, comparisonTables } from "../../src/profile/compare.ts";
import { syntheticProfile } from "../../src/profile/synthetic.ts";

const law = { baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.05, perContextTokenMs: 0.00002 };
const a = syntheticProfile({
  law,
  batch: [1, 8, 64],
  contextTokens: [128, 512, 2048],
  promptTokens: [64, 1024],
});
const twice = Object.fromEntries(Object.entries(law).map(([key, value]) => [key, 2 * value])) as typeof law;

test("a law twice as slow has the ratio 2 everywhere, also between the grid points of one of them", () => {
  const b = syntheticProfile({
    law: twice,
    batch: [2, 32, 64],
    contextTokens: [256, 512, 8192],
    promptTokens: [128, 512, 4096],
  });
  const { decode, prefill, watts } = compareProfiles(a, b);
  // Places of either grid inside both; the context 8192 is beyond the first one's.
  expect(decode.map(({ contextTokens }) => contextTokens)).toEqual([512, 2048]);
  expect(decode[0].points.map(({ at }) => at)).toEqual([2, 8, 32, 64]);
  expect(prefill.map(({ at }) => at)).toEqual([128, 512, 1024]);
  for (const { ratio } of [...decode.flatMap(({ points }) => points), ...prefill])
    expect(ratio).toBeCloseTo(2, 9);
  expect(watts.map(({ at }) => at)).toEqual([2, 8, 32, 64]);
});

test("without power, and without common contexts, those tables are left out", () => {
  const b = {
    ...syntheticProfile({ batch: [1, 8], contextTokens: [4096, 8192], promptTokens: [64, 1024] }),
    power: null,
  };
  const compared = compareProfiles(a, b);
  expect(compared.decode).toEqual([]);
  expect(compared.watts).toEqual([]);
  const titles = comparisonTables(a, b, compared).map(({ title }) => title);
  expect(titles).toEqual(["profiles", "prefill (ms)"]);
});
