import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { UserError } from "../../src/errors.ts";
import { interpolateDecodeMs, interpolateDecodeWatts } from "../../src/profile/interpolate.ts";
import { listProfiles, loadProfile } from "../../src/profile/load.ts";
import type { Profile } from "../../src/profile/schema.ts";
import { syntheticProfile } from "../../src/profile/synthetic.ts";
import { lawFromAffine, lawOf } from "../../src/profile/to-law.ts";

const shipped = await Promise.all(
  (await listProfiles()).map(async ({ path }) => (await loadProfile(path)).profile),
);

/** Grid of two batches and two contexts with round numbers; count 2, overhead 1 + 0.5 per sequence. */
function smallGrid(changes: Partial<Profile> = {}): Profile {
  const base = syntheticProfile({ gpuCount: 2 });
  return {
    ...base,
    decode: {
      batch: [2, 4],
      contextTokens: [100, 300],
      iterationMs: [
        [10, 20],
        [30, 60],
      ],
    },
    prefill: { promptTokens: [100, 200], latencyMs: [12, 32] },
    overhead: { baseMs: 1, perSequenceMs: 0.5 },
    power: {
      idleUnloadedWattsPerGpu: 50,
      idleLoadedWattsPerGpu: 80,
      prefillWattsPerGpu: 390,
      decode: [
        { batch: 2, wattsPerGpu: 100 },
        { batch: 4, wattsPerGpu: 200 },
      ],
    },
    ...changes,
  };
}

describe("the affine law of specs/batching: T = 5 + 0.05 P + 0.2 D + 0.0005 K ms", () => {
  const law = lawFromAffine(
    { baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0.0005 },
    64,
  );
  test.each([
    ["prompt of 100 alone", 100, 0, 0, 10],
    ["its first decode, 101 tokens held", 0, 1, 101, 5.2505],
    ["its second", 0, 1, 102, 5.251],
    ["chunk of 512", 512, 0, 0, 30.6],
    ["chunk of 488", 488, 0, 0, 29.4],
    ["a chunk of 88 beside one decode", 88, 1, 301, 9.7505],
    ["one decode over 301", 0, 1, 301, 5.3505],
    ["two prompts of 32", 64, 0, 0, 8.2],
    ["one decode over 33", 0, 1, 33, 5.2165],
    ["one decode over 34", 0, 1, 34, 5.217],
    ["recompute of 33", 33, 0, 0, 6.65],
  ])("%s", (_, P, D, K, milliseconds) => {
    expect(law.seconds(P, D, K) * 1000).toBeCloseTo(milliseconds, 12);
  });

  test("whole requests: completion at 0.0205015 s; chunks of 60.0 ms together", () => {
    expect(law.seconds(100, 0, 0) + law.seconds(0, 1, 101) + law.seconds(0, 1, 102)).toBeCloseTo(
      0.0205015,
      14,
    );
    expect(law.seconds(512, 0, 0) + law.seconds(488, 0, 0)).toBeCloseTo(0.06, 14);
  });

  test("no power: watts are NaN, never 0; nothing is outside", () => {
    expect(law.hasPower).toBe(false);
    expect(law.watts(0, 3, 300, law.seconds(0, 3, 300))).toBeNaN();
    expect(law.isOutside(10_000, 64, 1e9)).toBe(false);
  });

  test("a step without time is refused", () => {
    const nothing = { baseMs: 0, perPrefillTokenMs: 0, perDecodeSequenceMs: 0, perContextTokenMs: 0 };
    expect(() => lawFromAffine(nothing, 4)).toThrow(UserError);
    expect(() => lawOf({ law: nothing }, 4)).toThrow(/profile\.law: an iteration would take 0 s/);
  });
});

describe("interpolateDecodeMs on a grid of four corners", () => {
  const profile = smallGrid();
  test.each([
    ["a corner", 2, 100, 10],
    ["the opposite corner", 4, 300, 60],
    ["the middle", 3, 200, 30],
    ["a quarter of the way in context", 2, 150, 12.5],
    ["below both: held", 1, 50, 10],
    ["below the batches only", 1, 200, 15],
    ["above the contexts: continued", 2, 500, 30],
    ["above the batches: continued", 6, 300, 100],
    ["above both", 6, 500, 150],
  ])("%s", (_, batch, context, milliseconds) => {
    expect(interpolateDecodeMs(profile, batch, context)).toBeCloseTo(milliseconds, 12);
  });

  test("the law has the same values, in seconds, over K = batch x context", () => {
    const law = lawOf(profile, 8);
    expect(law.decodeSeconds(3, 600)).toBeCloseTo(0.03, 15);
    expect(law.decodeSeconds(1, 50)).toBeCloseTo(0.01, 15);
    expect(law.decodeSeconds(6, 3000)).toBeCloseTo(0.15, 15);
  });
});

test("a marked cell of weight zero is not read: a step exactly on the next batch is inside", () => {
  const { decode } = smallGrid();
  const extrapolated = [
    [true, true],
    [false, false],
  ];
  const law = lawOf(smallGrid({ decode: { ...decode, extrapolated } }), 4);
  expect([2, 3, 4].map((batch) => law.isOutside(0, batch, batch * 200))).toEqual([true, true, false]);
});

describe("the law of the shipped profiles", () => {
  const anyProfile = fc.constantFrom(...shipped);
  const share = fc.double({ min: 0, max: 1, noNaN: true });

  test("decodeSeconds is the bilinear formula to 1e-12, inside the grid and far beyond", () => {
    fc.assert(
      fc.property(anyProfile, fc.integer({ min: 1, max: 512 }), share, (profile, batch, at) => {
        const law = lawOf(profile, 512);
        const held = Math.round(batch * at * 40_000);
        const expected = interpolateDecodeMs(profile, batch, held / batch) / 1000;
        expect(Math.abs(law.decodeSeconds(batch, held) / expected - 1)).toBeLessThan(1e-12);
      }),
      { numRuns: 300 },
    );
  });

  test("held below the first context, the last slope above the last one", () => {
    for (const profile of shipped) {
      const law = lawOf(profile, 256);
      const { batch, contextTokens, iterationMs } = profile.decode;
      const last = contextTokens.length - 1;
      batch.forEach((b, i) => {
        expect(law.decodeSeconds(b, 1)).toBeCloseTo(iterationMs[i][0] / 1000, 14);
        const slope =
          (iterationMs[i][last] - iterationMs[i][last - 1]) / (contextTokens[last] - contextTokens[last - 1]);
        const beyond = iterationMs[i][last] + slope * 10_000;
        expect(law.decodeSeconds(b, b * (contextTokens[last] + 10_000)) / (beyond / 1000)).toBeCloseTo(1, 12);
      });
    }
  });

  test("a step is outside exactly when it leaves the grid or reads a marked cell", () => {
    const isOutside = ({ decode }: Profile, batch: number, context: number): boolean => {
      const b = decode.batch.findIndex((value) => value >= batch);
      const c = decode.contextTokens.findIndex((value) => value >= context);
      if (b === -1 || c <= 0) return true;
      const rows = decode.batch[b] === batch ? [b] : [b - 1, b];
      return rows.some((row) => [c - 1, c].some((column) => decode.extrapolated?.[row][column] === true));
    };
    fc.assert(
      fc.property(
        anyProfile,
        fc.integer({ min: 1, max: 300 }),
        fc.integer({ min: 1, max: 20_000 }),
        (profile, batch, context) => {
          fc.pre(!profile.decode.contextTokens.includes(context));
          const law = lawOf(profile, 300);
          expect(law.isOutside(0, batch, batch * context)).toBe(isOutside(profile, batch, context));
        },
      ),
      { numRuns: 500 },
    );
  });

  test("prefill: on the points, between them, and marked beyond 8,192 tokens", () => {
    for (const profile of shipped) {
      const law = lawOf(profile, 1);
      const { promptTokens, latencyMs } = profile.prefill;
      promptTokens.forEach((tokens, i) => {
        expect(law.prefillSeconds(tokens)).toBeCloseTo(latencyMs[i] / 1000, 13);
      });
      expect(law.prefillSeconds(96)).toBeCloseTo((latencyMs[0] + latencyMs[1]) / 2000, 13);
      expect(law.isOutside(8192, 0, 0)).toBe(false);
      expect(law.isOutside(8193, 0, 0)).toBe(true);
      expect(law.isOutside(63, 0, 0)).toBe(true);
    }
  });

  test("8B on an H100, batch 64 at 512 tokens of context: the mixed step with a chunk of 512", () => {
    const profile = shipped.find(({ id }) => id === "h100-80gb.llama-3-8b.bf16.tp1");
    if (profile?.overhead == null) throw new Error("the profile is not shipped");
    const decodeMs = profile.decode.iterationMs[profile.decode.batch.indexOf(64)][1];
    const prefillMs = profile.prefill.latencyMs[profile.prefill.promptTokens.indexOf(512)];
    const overheadMs = profile.overhead.baseMs + profile.overhead.perSequenceMs;
    expect(lawOf(profile, 128).seconds(512, 64, 64 * 512) * 1000).toBeCloseTo(
      decodeMs + prefillMs - overheadMs,
      10,
    );
    expect(lawOf(profile, 128, { mixedRule: "max" }).seconds(512, 64, 64 * 512) * 1000).toBeCloseTo(
      Math.max(decodeMs, prefillMs),
      10,
    );
  });
});

describe("mixed steps", () => {
  test("add: decode + prefill less the overhead of ONE sequence, whatever decodes beside it", () => {
    const law = lawOf(smallGrid(), 8);
    expect(law.seconds(100, 2, 200) * 1000).toBeCloseTo(10 + 12 - 1.5, 12);
    expect(law.seconds(150, 4, 1200) * 1000).toBeCloseTo(60 + 22 - 1.5, 12);
  });
  test("max: the longer of the two; the option overrides the file", () => {
    const file = lawOf(smallGrid({ mixed: { rule: "max" } }), 8);
    expect(file.seconds(100, 2, 200) * 1000).toBeCloseTo(12, 12);
    expect(file.seconds(100, 4, 1200) * 1000).toBeCloseTo(60, 12);
    expect(lawOf(smallGrid(), 8, { mixedRule: "max" }).seconds(100, 2, 200) * 1000).toBeCloseTo(12, 12);
  });
  test("an unknown overhead is not subtracted", () => {
    const law = lawOf(smallGrid({ overhead: null, overheadReason: "a server tells no such time" }), 8);
    expect(law.seconds(100, 2, 200) * 1000).toBeCloseTo(22, 12);
  });
  test("prefillFactor scales what lies above the overhead, alone and mixed", () => {
    const law = lawOf(smallGrid(), 8, { prefillFactor: 2 });
    expect(law.prefillSeconds(100) * 1000).toBeCloseTo(1.5 + 2 * 10.5, 12);
    expect(law.seconds(100, 2, 200) * 1000).toBeCloseTo(10 + 2 * 10.5, 12);
    expect(law.decodeSeconds(2, 200) * 1000).toBeCloseTo(10, 12);
    const affine = { baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0 };
    expect(lawOf({ law: affine }, 8, { prefillFactor: 3 }).prefillSeconds(100) * 1000).toBeCloseTo(20, 12);
    expect(() => lawOf(smallGrid(), 8, { prefillFactor: 0 })).toThrow(/prefillFactor is 0: expected/);
  });
});

describe("power", () => {
  const law = lawOf(smallGrid(), 8);
  test("watts of the replica = watts per GPU x count, linear in batch, held outside the points", () => {
    expect([...law.decodeWatts]).toEqual([160, 200, 200, 300, 400, 400, 400, 400, 400]);
    expect([law.idleWatts, law.idleUnloadedWatts, law.prefillWatts]).toEqual([160, 100, 780]);
  });
  test("a mixed step draws decode power for the decode time and prefill power for the rest", () => {
    const seconds = law.seconds(100, 2, 200);
    expect(law.watts(100, 2, 200, seconds)).toBeCloseTo((200 * 10 + 780 * 10.5) / 20.5, 10);
    expect(law.watts(100, 0, 0, law.seconds(100, 0, 0))).toBe(780);
    const longer = lawOf(smallGrid({ mixed: { rule: "max" } }), 8);
    expect(longer.watts(100, 2, 200, longer.seconds(100, 2, 200))).toBe(780);
  });
  test("interpolateDecodeWatts agrees with the law on every shipped profile and batch", () => {
    for (const profile of shipped) {
      if (profile.power === null || profile.gpu === null) throw new Error(`${profile.id} has no power`);
      const replica = lawOf(profile, 300);
      for (let batch = 1; batch <= 300; batch++) {
        const watts = interpolateDecodeWatts(profile.power, batch) * profile.gpu.count;
        expect(replica.decodeWatts[batch] / watts).toBeCloseTo(1, 12);
      }
    }
  });
  test("unknown unloaded idle power is bounded by the loaded one; no power at all stays unknown", () => {
    const power = smallGrid().power;
    if (power === null) throw new Error("the small grid has power");
    const unknown = lawOf(smallGrid({ power: { ...power, idleUnloadedWattsPerGpu: null } }), 8);
    expect(unknown.idleUnloadedWatts).toBe(160);
    expect(lawOf(smallGrid({ power: null, powerReason: "no meter" }), 8).hasPower).toBe(false);
  });
  test("an inline profile states watts of the whole replica", () => {
    const inline = {
      law: { baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0 },
      power: {
        idleWatts: 100,
        prefillWatts: 700,
        decode: [
          { batch: 1, watts: 300 },
          { batch: 5, watts: 500 },
        ],
      },
    };
    const replica = lawOf(inline, 6);
    expect([...replica.decodeWatts]).toEqual([100, 300, 350, 400, 450, 500, 500]);
    expect(replica.idleUnloadedWatts).toBe(100);
  });
});

test("a synthetic profile's grid has the times of the law it samples, anywhere inside", () => {
  const affine = { baseMs: 7, perPrefillTokenMs: 0.03, perDecodeSequenceMs: 0.1, perContextTokenMs: 0.0001 };
  const grid = lawOf(syntheticProfile({ law: affine }), 128);
  const exact = lawFromAffine(affine, 128);
  fc.assert(
    fc.property(
      fc.integer({ min: 64, max: 8192 }),
      fc.integer({ min: 1, max: 128 }),
      fc.integer({ min: 128, max: 8192 }),
      (P, D, context) => {
        expect(grid.seconds(P, D, D * context) / exact.seconds(P, D, D * context)).toBeCloseTo(1, 12);
      },
    ),
  );
});
