import { describe, expect, test } from "vitest";
import { makeBatch, type TransitionShape } from "../../../src/learning/replay/batch.ts";
import { CrossEpochReplay } from "../../../src/learning/replay/cross-epoch-replay.ts";
import { ReplayBuffer } from "../../../src/learning/replay/replay-buffer.ts";
import { Stream } from "../../../src/numeric/random.ts";

const SHAPE: TransitionShape = { state: 2, action: 1, goal: 2, metrics: 1 };

/** A transition whose parts all tell its number. */
function numbered(k: number) {
  return {
    state: [k, k + 0.5],
    action: [-k],
    reward: 10 * k,
    nextState: [k + 1, k + 1.5],
    done: k % 2 === 1,
    goal: [100 + k, 200 + k],
    metrics: [300 + k],
  };
}

function filled(capacity: number, count: number): ReplayBuffer {
  const buffer = new ReplayBuffer(SHAPE, capacity);
  for (let k = 0; k < count; k++) buffer.push(numbered(k));
  return buffer;
}

function statesOf(buffer: ReplayBuffer): number[] {
  const one = makeBatch(SHAPE, 1);
  return Array.from({ length: buffer.length }, (_, i) => {
    buffer.copyOut(i, one, 0);
    return one.states[0];
  });
}

describe("the ring", () => {
  test("keeps the newest, oldest first, whole", () => {
    const buffer = filled(4, 7);
    expect(buffer.length).toBe(4);
    expect(statesOf(buffer)).toEqual([3, 4, 5, 6]);
    const batch = makeBatch(SHAPE, 3);
    buffer.copyOut(2, batch, 1);
    expect([...batch.states]).toEqual([0, 0, 5, 5.5, 0, 0]);
    expect([...batch.nextStates]).toEqual([0, 0, 6, 6.5, 0, 0]);
    expect([...batch.actions]).toEqual([0, -5, 0]);
    expect([...batch.goals]).toEqual([0, 0, 105, 205, 0, 0]);
    expect([...batch.metrics]).toEqual([0, 305, 0]);
    expect([...batch.rewards]).toEqual([0, 50, 0]);
    expect([...batch.done]).toEqual([0, 1, 0]);
  });

  test("draws every transition as often as the others, the same ones under the same seed", () => {
    const buffer = filled(5, 8);
    const batch = makeBatch(SHAPE, 50);
    const draw = (seed: number) => {
      const random = new Stream(seed, "sample");
      const drawn: number[] = [];
      for (let k = 0; k < 200; k++) {
        buffer.sample(random, 50, batch);
        for (let row = 0; row < batch.rows; row++) drawn.push(batch.states[2 * row]);
      }
      return drawn;
    };
    const drawn = draw(1);
    for (const k of [3, 4, 5, 6, 7]) {
      // 10,000 draws of probability 1/5: a standard error of 40.
      expect(Math.abs(drawn.filter((value) => value === k).length - 2000)).toBeLessThan(160);
    }
    expect(draw(1)).toEqual(drawn);
    expect(draw(2)).not.toEqual(drawn);
  });

  test("cannot be sampled while it is empty, nor read beyond its end", () => {
    const buffer = new ReplayBuffer(SHAPE, 3);
    const batch = makeBatch(SHAPE, 1);
    expect(() => buffer.sample(new Stream(1, "s"), 1, batch)).toThrow("without transitions");
    buffer.push(numbered(1));
    expect(() => buffer.copyOut(1, batch, 0)).toThrow("transition 1 of a buffer that holds 1");
    buffer.clear();
    expect(buffer.length).toBe(0);
    expect(() => new ReplayBuffer(SHAPE, 0)).toThrow("at least 1");
  });
});

describe("cross-epoch replay", () => {
  test("70 % of a batch are of the current epoch, the rest of those before; flipMix swaps the shares", () => {
    for (const [flipMix, expected] of [
      [false, 45],
      [true, 19],
    ] as const) {
      const replay = new CrossEpochReplay(SHAPE, { flipMix });
      for (let k = 0; k < 30; k++) replay.current.push(numbered(k));
      const batch = makeBatch(SHAPE, 64);
      replay.sample(new Stream(1, "s"), 64, batch);
      expect(replay.currentRows(64)).toBe(64);
      replay.endEpoch();
      expect(replay.currentRows(64)).toBe(0);
      for (let k = 1000; k < 1030; k++) replay.current.push(numbered(k));
      replay.sample(new Stream(1, "s"), 64, batch);
      expect(batch.rows).toBe(64);
      const current = Array.from({ length: 64 }, (_, row) => batch.states[2 * row] >= 1000);
      expect(current.filter(Boolean).length).toBe(expected);
      expect(current.lastIndexOf(true)).toBe(expected - 1);
    }
  });

  test("the newest of an epoch move over; earlier epochs give way to later ones", () => {
    const replay = new CrossEpochReplay(SHAPE, { currentCapacity: 10, previousCapacity: 4 });
    for (let k = 0; k < 3; k++) replay.current.push(numbered(k));
    replay.endEpoch();
    expect([replay.current.length, statesOf(replay.previous)]).toEqual([0, [0, 1, 2]]);
    for (let k = 10; k < 12; k++) replay.current.push(numbered(k));
    replay.endEpoch();
    expect(statesOf(replay.previous)).toEqual([1, 2, 10, 11]);
    for (let k = 20; k < 29; k++) replay.current.push(numbered(k));
    replay.endEpoch();
    expect(statesOf(replay.previous)).toEqual([25, 26, 27, 28]);
    expect(replay.length).toBe(4);
  });
});
