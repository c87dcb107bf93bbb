import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { loadCheckpoint, saveCheckpoint } from "../../../src/learning/checkpoint/checkpoint.ts";
import { DivergenceError, DivergenceGuard } from "../../../src/learning/checkpoint/divergence-guard.ts";
import type { Learner } from "../../../src/learning/checkpoint/learner.ts";
import { LossWindow } from "../../../src/learning/checkpoint/loss-window.ts";
import { typescriptDense } from "../../../src/learning/dense/typescript-dense.ts";
import { makeBatch, type TransitionShape } from "../../../src/learning/replay/batch.ts";
import { ReplayBuffer } from "../../../src/learning/replay/replay-buffer.ts";
import { Sac, type SacOptions } from "../../../src/learning/sac/sac.ts";
import { Stream } from "../../../src/numeric/random.ts";

const SHAPE: TransitionShape = { state: 3, action: 2, goal: 0, metrics: 0 };
const OPTIONS: SacOptions = { stateSize: 3, actionSize: 2, actorHidden: [8], criticHidden: [8] };

function filledBuffer(reward: (k: number) => number = (k) => Math.sin(k)): ReplayBuffer {
  const random = new Stream(1, "transitions");
  const buffer = new ReplayBuffer(SHAPE, 100);
  const draw = (count: number) => Array.from({ length: count }, () => random.normal());
  for (let k = 0; k < 100; k++) {
    buffer.push({ state: draw(3), action: [0.1, -0.5], reward: reward(k), nextState: draw(3), done: false });
  }
  return buffer;
}

function train(sac: Sac, random: Stream, updates: number, watch?: (loss: number) => void): void {
  const buffer = filledBuffer();
  const batch = makeBatch(SHAPE, 16);
  for (let k = 0; k < updates; k++) {
    buffer.sample(random, 16, batch);
    sac.update(batch);
    watch?.(sac.figures.criticLoss);
  }
}

function learner(parameters: number, kind = "counts"): Learner {
  return {
    kind,
    shape: { size: parameters },
    networks: {},
    arrays: { values: new Float64Array(parameters).fill(7) },
  };
}

describe("checkpoint", () => {
  test("a learner that is loaded goes on to the same bytes", () => {
    const [first, second] = [new Sac(typescriptDense(), OPTIONS, 1), new Sac(typescriptDense(), OPTIONS, 2)];
    train(first, new Stream(1, "before"), 10);
    const bytes = saveCheckpoint(first);
    loadCheckpoint(second, bytes, "a.checkpoint");
    expect(saveCheckpoint(second)).toEqual(bytes);
    train(first, new Stream(1, "after"), 5);
    train(second, new Stream(1, "after"), 5);
    expect(saveCheckpoint(second)).toEqual(saveCheckpoint(first));
    expect(saveCheckpoint(second)).not.toEqual(bytes);
    expect(second.updates).toBe(15);
    expect(second.networks["critic.0"].adam.steps).toBe(15);
  });

  test("bytes may lie anywhere in a larger buffer, as a file's may", () => {
    const [from, to] = [learner(3), learner(3)];
    to.arrays.values.fill(0);
    const bytes = saveCheckpoint(from);
    const larger = new Uint8Array(bytes.length + 11);
    larger.set(bytes, 3);
    loadCheckpoint(to, larger.subarray(3, 3 + bytes.length), "a file");
    expect([...to.arrays.values]).toEqual([7, 7, 7]);
  });

  test("one of another shape is one line that names the difference, and changes nothing", () => {
    const other = saveCheckpoint(new Sac(typescriptDense(), { ...OPTIONS, criticHidden: [8, 8] }, 1));
    const sac = new Sac(typescriptDense(), OPTIONS, 1);
    const before = saveCheckpoint(sac);
    expect(() => loadCheckpoint(sac, other, "runs/a.checkpoint")).toThrow(
      expect.objectContaining({
        code: "CANOPY_CHECKPOINT_SHAPE",
        exitCode: 2,
        message:
          "the checkpoint runs/a.checkpoint does not fit: its critics' hidden layers is 8-8, expected 8; train anew or take the settings that it was trained with",
      }),
    );
    expect(saveCheckpoint(sac)).toEqual(before);
    const otherKind = saveCheckpoint(learner(3, "counts"));
    expect(() => loadCheckpoint(sac, otherKind, "b")).toThrow('it is of a "counts", expected "sac"');
  });

  test("one with other parts than its shape says is refused", () => {
    const bytes = saveCheckpoint({ ...learner(3), shape: { size: 4 } });
    expect(() => loadCheckpoint(learner(4), bytes, "b")).toThrow(
      'its part "values" has 3 values of f64, expected 4 of f64',
    );
    const none = saveCheckpoint({ ...learner(4), arrays: {} });
    expect(() => loadCheckpoint(learner(4), none, "b")).toThrow('it has no part "values"');
  });

  test("bytes that are cut, altered or something else are refused", () => {
    const bytes = saveCheckpoint(learner(3));
    const refused = (given: Uint8Array, message: string) =>
      expect(() => loadCheckpoint(learner(3), given, "c")).toThrow(
        expect.objectContaining({
          code: "CANOPY_CHECKPOINT_FORMAT",
          message: expect.stringContaining(message),
        }),
      );
    refused(bytes.subarray(0, bytes.length - 1), "cut short or altered");
    refused(
      bytes.map((byte, i) => (i === bytes.length - 40 ? byte ^ 1 : byte)),
      "cut short or altered",
    );
    refused(new Uint8Array(0), 'does not begin with "CANOPYCK"');
    refused(
      Buffer.from('{"schema": "canopy/predictor/1", "much": "more than forty-four bytes"}'),
      "CANOPYCK",
    );
    const later = Uint8Array.from(
      Buffer.from(bytes.slice(0, -32)).toString("latin1").replace("checkpoint/1", "checkpoint/9"),
      (c) => c.charCodeAt(0),
    );
    const digest = createHash("sha256").update(later).digest();
    refused(
      Uint8Array.of(...later, ...digest),
      'schema "canopy/checkpoint/9", expected "canopy/checkpoint/1"',
    );
  });

  test("one that holds a number that is not finite is refused", () => {
    const sac = new Sac(typescriptDense(), OPTIONS, 1);
    sac.networks["critic.1"].parameters[3] = Number.NaN;
    expect(() => loadCheckpoint(new Sac(typescriptDense(), OPTIONS, 1), saveCheckpoint(sac), "d")).toThrow(
      'its part "critic.1.parameters" holds a number that is not finite',
    );
  });
});

test("bytes of a file, wherever they lie in a buffer of Node's, are taken as they are", () => {
  const bytes = saveCheckpoint(new Sac(typescriptDense(), OPTIONS, 1));
  const pool = Buffer.alloc(bytes.length + 24, 0xff);
  for (const at of [0, 3, 16]) {
    pool.set(bytes, at);
    const other = new Sac(typescriptDense(), OPTIONS, 2);
    loadCheckpoint(other, pool.subarray(at, at + bytes.length), "a Buffer");
    expect(saveCheckpoint(other)).toEqual(bytes);
  }
});

test("the median of the last losses", () => {
  const window = new LossWindow(3);
  expect(window.median()).toBeNaN();
  for (const [loss, median] of [
    [5, 5],
    [1, 5],
    [2, 2],
    [0.5, 1],
    [9, 2],
  ]) {
    window.push(loss);
    expect(window.median()).toBe(median);
  }
});

describe("divergence guard", () => {
  const learning = () => new Sac(typescriptDense(), OPTIONS, 1);

  test("a learning rate far too large ends training with one line", () => {
    const sac = new Sac(typescriptDense(), { ...OPTIONS, criticLearningRate: 1e18 }, 1);
    const guard = new DivergenceGuard(sac, { learner: "sac", everyUpdates: 1 });
    expect(() => train(sac, new Stream(1, "sample"), 100, (loss) => guard.watch(loss))).toThrow(
      DivergenceError,
    );
  });

  test("a reward that is no number ends training with one line and the last good checkpoint", () => {
    const sac = learning();
    const guard = new DivergenceGuard(sac, {
      learner: 'MARLIN\'s agent "carbon"',
      everyUpdates: 10,
    });
    train(sac, new Stream(1, "sample"), 25, (loss) => guard.watch(loss));
    const buffer = filledBuffer((k) => (k === 50 ? Number.NaN : 0));
    const batch = makeBatch(SHAPE, 100);
    for (let k = 0; k < 100; k++) buffer.copyOut(k, batch, k);
    batch.rows = 100;
    sac.update(batch);
    let error: unknown;
    try {
      guard.watch(sac.figures.criticLoss);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(DivergenceError);
    const { message, checkpoint, exitCode, code } = error as DivergenceError;
    expect([exitCode, code]).toEqual([1, "CANOPY_LEARNING_DIVERGED"]);
    expect(message).toBe(
      'MARLIN\'s agent "carbon" diverged at update 26: its loss is NaN; the last good checkpoint is of update 20; a smaller learning rate or a smaller reward may hold it',
    );
    const restored = learning();
    loadCheckpoint(restored, checkpoint?.bytes ?? new Uint8Array(0), "kept");
    expect(restored.updates).toBe(20);
    const again = learning();
    train(again, new Stream(1, "sample"), 20);
    expect(saveCheckpoint(restored)).toEqual(saveCheckpoint(again));
  });

  test("sound training passes", () => {
    const sac = learning();
    const guard = new DivergenceGuard(sac, { learner: "sac", everyUpdates: 40 });
    train(sac, new Stream(1, "sample"), 100, (loss) => guard.watch(loss));
    expect(guard.kept?.update).toBe(80);
  });

  test("a loss that is not finite stops at once, a large one only when it stays", () => {
    const options = { learner: "sac", everyUpdates: 50, patience: 3 };
    const first = new DivergenceGuard(learning(), options);
    expect(() => first.watch(Number.NaN)).toThrow(
      "sac diverged at update 1: its loss is NaN; there is no good checkpoint before it",
    );
    const second = new DivergenceGuard(learning(), options);
    for (let k = 0; k < 50; k++) second.watch(2);
    for (const loss of [1e5, 1e5, 2, 1e5, 1e5]) second.watch(loss);
    expect(() => second.watch(1e5)).toThrow(
      "above 2.00e+3 for 3 updates, now 1.00e+5; the last good checkpoint is of update 50",
    );
    // A task that is solved has losses close to zero, and a change of it is no divergence.
    const third = new DivergenceGuard(learning(), options);
    for (let k = 0; k < 50; k++) third.watch(1e-9);
    for (let k = 0; k < 20; k++) third.watch(1);
    expect(third.kept?.update).toBe(50);
  });

  test("a parameter that is not finite is never kept", () => {
    const sac = learning();
    const guard = new DivergenceGuard(sac, { learner: "sac", everyUpdates: 2 });
    guard.watch(1);
    guard.watch(1);
    sac.networks["actor.network"].parameters[0] = Number.POSITIVE_INFINITY;
    guard.watch(1);
    expect(() => guard.watch(1)).toThrow(
      'its part "actor.network.parameters" holds a number that is not finite',
    );
    expect(guard.kept?.update).toBe(2);
  });
});
