import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { interpolateDecodeMs } from "../../../src/profile/interpolate.ts";
import { examineProfile } from "../../../src/profile/load.ts";
import { measureHost } from "../../../src/profile/measure/measure-host.ts";
import { profileOfMeasurements } from "../../../src/profile/measure/profile-of-measurements.ts";
import { RawFile, readRawFile } from "../../../src/profile/measure/raw-file.ts";
import type { HeaderRecord } from "../../../src/profile/measure/records.ts";
import { profileText } from "../../../src/profile/profile-text.ts";
import type { Profile } from "../../../src/profile/schema.ts";
import { temporaryFolder } from "../../temporary-folder.ts";
import { headerOf, LAW, LAYERS, PROTOCOL, type Script, ScriptedBench } from "./scripted-bench.ts";

const never = new AbortController().signal;

async function measured(script: Script, header: HeaderRecord = headerOf(), path = rawPath()) {
  const file = await RawFile.create(path, header);
  const bench = new ScriptedBench(script);
  await measureHost(bench, file, await readRawFile(path), { signal: never, onProgress: () => undefined });
  const records = await readRawFile(path);
  return { records, bench, path, ...profileOfMeasurements(records, "x.raw.msgpack") };
}

function rawPath(): string {
  return join(temporaryFolder("measure"), "x.raw.msgpack");
}

function checked(profile: Profile): void {
  expect(
    examineProfile(JSON.parse(profileText(profile))).findings.filter(({ level }) => level === "error"),
  ).toEqual([]);
}

const metered = { power: null, powerReason: null };

describe("a scripted host", () => {
  test("gives its law back: decode, prefill and what is counted twice", async () => {
    const { profile, warnings } = await measured({ noise: 0.01 });
    checked(profile);
    expect(warnings).toEqual([]);
    expect(profile.provenance).toBe("measured");
    for (const batch of [1, 4, 9, 64]) {
      for (const context of [64, 200, 512]) {
        const truth = LAW.baseMs + batch * (LAW.perSequenceMs + LAW.perContextTokenMs * context);
        expect(interpolateDecodeMs(profile, batch, context) / truth).toBeCloseTo(1, 1.7);
      }
    }
    PROTOCOL.prompts.forEach((tokens, i) => {
      expect(profile.prefill.latencyMs[i] / (LAW.baseMs + LAW.perPromptTokenMs * tokens)).toBeCloseTo(1, 1.7);
    });
    expect(profile.mixed).toEqual({ rule: "add", provenance: "measured" });
    expect(profile.overhead?.baseMs).toBeGreaterThan(0.9 * LAW.baseMs);
    expect(profile.overhead?.baseMs).toBeLessThan(1.1 * LAW.baseMs);
    expect(profile.power).toBeNull();
    expect(profile.powerReason).toBe("no meter on this host");
    expect(profile.points).toHaveLength(4 * 2 + 3 + 3);
    const point = profile.points?.find(({ batch, contextTokens }) => batch === 64 && contextTokens === 512);
    const seconds = (point?.stepMs?.mean ?? 0) / 1e3;
    // 10 M parameters outside the embedding, 4 KiB of KV cache a token; 64 x 512 tokens of context.
    expect(point?.mbu).toBeCloseTo((2 * 10e6 + 64 * 512 * 4096) / seconds / 10e9, 3);
    expect(point?.mfu).toBeCloseTo((2 * 10e6 * 64) / seconds / 100e9, 6);
    expect(point?.relativeStandardError).toBeLessThan(0.01);
    expect(point?.trials).toBe(2);
  });

  test("decode steps between prompts that are read: the same law, of the steps that only decode", async () => {
    const header = headerOf({ protocol: { ...PROTOCOL, contexts: [64, 512], decodeAfterPrompts: true } });
    const { profile, records } = await measured({}, header);
    checked(profile);
    expect(profile.protocol?.["decodeAfterPrompts"]).toBe(true);
    for (const { kind, promptTokens, outputTokens, steps } of records.trials) {
      if (kind !== "decode") continue;
      expect([56, 504]).toContain(promptTokens);
      expect(outputTokens).toBe(16);
      expect(steps.prefillTokens.some((tokens) => tokens > 0)).toBe(true);
    }
    const truth = LAW.baseMs + 16 * (LAW.perSequenceMs + LAW.perContextTokenMs * 512);
    expect(profile.decode.iterationMs[2][1] / truth).toBeCloseTo(1, 1.7);
  });

  test("watts and joules a token come from the counter, gross and net of idle", async () => {
    const watts = (sequences: number) => 100 + sequences;
    const { profile } = await measured({ watts, idleWatts: 60 }, headerOf({}, metered));
    checked(profile);
    const { power } = profile;
    expect(power?.energyMethod).toBe("both");
    expect(power?.idleLoadedWattsPerGpu).toBeCloseTo(60, 6);
    expect(power?.idleUnloadedWattsPerGpu).toBeCloseTo(60, 6);
    expect(power?.decode.map(({ batch }) => batch)).toEqual([1, 4, 16, 64]);
    for (const { batch, wattsPerGpu } of power?.decode ?? []) {
      expect(wattsPerGpu / watts(batch)).toBeCloseTo(1, 2);
    }
    const point = profile.points?.find(({ batch, contextTokens }) => batch === 16 && contextTokens === 64);
    const joules = ((watts(16) / 16) * (point?.stepMs?.mean ?? 0)) / 1e3;
    expect((point?.joulesPerToken ?? 0) / joules).toBeCloseTo(1, 2);
    expect((point?.joulesPerTokenNetOfIdle ?? 0) / (joules * (1 - 60 / watts(16)))).toBeCloseTo(1, 2);
  });

  test("the warm-up waits until steps have settled", async () => {
    const { records, profile } = await measured({ coldFactor: 2, coldSeconds: 1 });
    for (const trial of records.trials) {
      // The mixed point's windows scatter by what they hold.
      if (trial.kind === "mixed") continue;
      expect(trial.settled).toBe(true);
      expect(trial.warmUpSeconds).toBeGreaterThan(1);
    }
    const truth = LAW.baseMs + LAW.perSequenceMs + LAW.perContextTokenMs * 64;
    expect(profile.decode.iterationMs[0][0] / truth).toBeCloseTo(1, 2);
  });

  test("stretches with others' work are left out, or marked where nothing else is left", async () => {
    const often = await measured({ foreign: (at) => (at % 7 < 0.4 ? 1 : 0) });
    expect(often.profile.protocol?.discardedWindows).toBeGreaterThan(0);
    expect(often.profile.points?.some(({ contaminated }) => contaminated)).toBe(false);
    expect(often.profile.host?.shared).toBe(false);
    const once = headerOf({ protocol: { ...PROTOCOL, trials: 1 } });
    const always = await measured({ foreign: () => 1 }, once);
    checked(always.profile);
    expect(always.profile.points?.every(({ contaminated }) => contaminated)).toBe(true);
    expect(always.profile.host?.shared).toBe(true);
    expect(always.warnings.join()).toContain("others worked on the host");
  });

  test("windows with a clock held down by heat are counted", async () => {
    const { profile, warnings } = await measured(
      { watts: () => 100, eventReasons: (at) => (at % 5 < 0.2 ? 0x40 : 0x4) },
      headerOf({}, metered),
    );
    const throttled = profile.points?.reduce((sum, point) => sum + point.throttledWindows, 0);
    expect(throttled).toBeGreaterThan(0);
    expect(profile.protocol?.discardedWindows).toBeGreaterThanOrEqual(throttled ?? 0);
    expect(warnings.join()).toContain("held down by heat");
  });

  test("a host that is never quiet does not hold the measurement up for ever", async () => {
    const { records } = await measured(
      { noise: 0.9, foreign: () => 2 },
      headerOf({ protocol: { ...PROTOCOL, trials: 1 } }),
    );
    expect(records.trials.every(({ stopReason }) => stopReason === "time")).toBe(true);
  });

  test("prompts that hide behind decoding give the rule `max`", async () => {
    const { profile } = await measured({ law: { ...LAW, perSequenceMs: 1, overlaps: true } });
    checked(profile);
    expect(profile.mixed).toEqual({ rule: "max", provenance: "measured" });
  });

  test("two depths give the whole model's times, marked, with both points kept", async () => {
    const header = headerOf({ layers: [2, 4] });
    const { profile, bench, records } = await measured({ noise: 0.002 }, header);
    checked(profile);
    expect(bench.opened.map(({ layers }) => layers)).toEqual([2, 4]);
    expect(records.engines.map(({ layers }) => layers)).toEqual([2, 4]);
    expect(profile.provenance).toBe("extrapolated");
    expect(profile.model.layers).toBe(LAYERS);
    const truth = LAW.baseMs + 16 * (LAW.perSequenceMs + LAW.perContextTokenMs * 512);
    expect(profile.decode.iterationMs[2][1] / truth).toBeCloseTo(1, 1.7);
    const here = profile.points?.filter((point) => point.batch === 16 && point.contextTokens === 512);
    expect(here?.map(({ layers, provenance }) => [layers, provenance])).toEqual([
      [2, "measured"],
      [4, "measured"],
      [undefined, "extrapolated"],
    ]);
    const once = headerOf({ layers: [2, 4], protocol: { ...PROTOCOL, trials: 1 } });
    await expect(measured({ noise: 0.5 }, once)).rejects.toThrow(/too noisy to extrapolate/);
  });

  test("power by formula is marked so", async () => {
    const powerModel = { idleWatts: 50, peakWatts: 250, exponent: 0.7 };
    const { profile } = await measured({}, headerOf({ powerModel }));
    checked(profile);
    expect(profile.power?.provenance).toBe("modelled");
    expect(profile.provenance).toBe("modelled");
    expect(profile.decode.provenance).toBe("measured");
    // The longest prompt's 512 tokens pass the layers' 8 M parameters, one the head's 2 M; by compute, 100 GFLOP/s.
    const seconds = (LAW.baseMs + LAW.perPromptTokenMs * 512) / 1e3;
    const share = Math.min(1, (2 * (512 * 8e6 + 2e6)) / seconds / 100e9);
    expect(profile.power?.prefillWattsPerGpu).toBeCloseTo(50 + 200 * share ** 0.7, 3);
  });

  test("points that the memory cannot hold continue the row, marked, or leave it out", async () => {
    // Weights 24 MB, 4 KiB a token: room for 64 x 144 tokens, not for 64 x 544.
    const memoryBytes = (24e6 + 2 ** 29 + 20_000 * 4096) / 0.9;
    const protocol = { ...PROTOCOL, trials: 1, contexts: [64, 128, 512] };
    const { profile } = await measured({}, headerOf({ protocol }, { memoryBytes }));
    checked(profile);
    expect(profile.decode.extrapolated?.[3]).toEqual([false, false, true]);
    expect(profile.decode.extrapolated?.flat().filter(Boolean)).toHaveLength(1);
    const truth = LAW.baseMs + 64 * (LAW.perSequenceMs + LAW.perContextTokenMs * 512);
    expect(profile.decode.iterationMs[3][2] / truth).toBeCloseTo(1, 1);
    const two = await measured({}, headerOf({}, { memoryBytes }));
    expect(two.profile.decode.batch).toEqual([1, 4, 16]);
    expect(two.profile.protocol?.droppedPoints).toEqual([
      "decode at batch 64: 1 contexts without a gap, expected 2",
    ]);
    await expect(measured({}, headerOf({}, { memoryBytes: 6e8 }))).rejects.toThrow(
      /scripted does not fit: weights 0\.0 GB \+ 0\.5 GB reserve/,
    );
  });
});

describe("a run that was cut off", () => {
  test("keeps what is done, goes on with the rest, and gives the same points", async () => {
    const path = rawPath();
    const file = await RawFile.create(path, headerOf());
    const stop = new AbortController();
    const first = measureHost(new ScriptedBench({}), file, await readRawFile(path), {
      signal: stop.signal,
      onProgress: ({ done }) => {
        if (done === 5) stop.abort();
      },
    });
    await expect(first).rejects.toThrow(/abort/);
    const before = await readRawFile(path);
    expect(before.trials).toHaveLength(5);
    const resumed = await RawFile.resume(path);
    const totals: number[] = [];
    await measureHost(new ScriptedBench({}), resumed.file, resumed.records, {
      signal: never,
      onProgress: ({ total }) => totals.push(total),
    });
    const whole = await readRawFile(path);
    const points = 4 * 2 + 3 + 3;
    expect(totals[0]).toBe(2 * points - 5);
    expect(whole.trials).toHaveLength(2 * points);
    const { profile } = profileOfMeasurements(whole, "x");
    const straight = await measured({});
    profile.decode.iterationMs.flat().forEach((ms, i) => {
      expect(ms / straight.profile.decode.iterationMs.flat()[i]).toBeCloseTo(1, 2);
    });
  });

  test("too little for a profile is said", async () => {
    const path = rawPath();
    await RawFile.create(path, headerOf());
    const records = await readRawFile(path);
    expect(() => profileOfMeasurements(records, "x")).toThrow(/too little was measured: no batch/);
  });
});

test("the same records give the same bytes", async () => {
  const { path, profile } = await measured({ noise: 0.02 });
  const again = profileOfMeasurements(await readRawFile(path), "x.raw.msgpack");
  expect(profileText(again.profile)).toBe(profileText(profile));
});

test("trials run in a shuffled order that the seed decides", async () => {
  const order = async (seed: string) =>
    (await measured({}, headerOf({ seed }))).records.trials.map(({ batch }) => batch);
  const a = await order("a");
  expect(await order("a")).toEqual(a);
  expect(await order("b")).not.toEqual(a);
  expect(a).not.toEqual([...a].sort((x, y) => x - y));
});
