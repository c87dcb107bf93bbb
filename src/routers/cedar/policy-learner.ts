import { loadCheckpoint, saveCheckpoint } from "../../learning/checkpoint/checkpoint.ts";
import { DivergenceGuard } from "../../learning/checkpoint/divergence-guard.ts";
import type { Learner } from "../../learning/checkpoint/learner.ts";
import { LossWindow } from "../../learning/checkpoint/loss-window.ts";
import { chooseDense } from "../../learning/dense/choose-dense.ts";
import { makeBatch, type Transition } from "../../learning/replay/batch.ts";
import { ReplayBuffer } from "../../learning/replay/replay-buffer.ts";
import { Sac } from "../../learning/sac/sac.ts";
import { Stream } from "../../numeric/random.ts";
import type { World } from "../contract.ts";
import type { HandOver, LearnerHealth } from "./hand-over.ts";
import type { RewardCurve } from "./reward-curve.ts";
import type { CedarSacParameters } from "./sac-parameters.ts";

/** Name of the artefact that `cedar` and `cedar-sac` ask for. */
export const POLICY = "policy";

/** What the artefact holds beside the learner. */
export interface LearnerRecords {
  /** {@link IntervalReward.reference}. */
  readonly reference: Float64Array;
  readonly handOver: HandOver;
  readonly curve: RewardCurve;
  /** Duals of the tiers. */
  readonly duals: Float64Array;
}

const NOTHING = new Float32Array(0);

/**
 * Soft actor-critic over control intervals or requests, with its replay, as CEDAR trains and uses it. The artefact holds all of
 * it, the newest transitions included, so that a run goes on where training ended. The same seed, settings and
 * transitions give the same bytes on one dense backend and instruction set.
 */
export class PolicyLearner {
  /** Backend and instruction set of the networks, e.g. `native avx512`. */
  readonly backend: string;
  readonly size: number;
  readonly #sac: Sac;
  readonly #replay: ReplayBuffer;
  readonly #batch: ReturnType<typeof makeBatch>;
  readonly #guard: DivergenceGuard;
  readonly #losses: LossWindow;
  readonly #draws: Stream;
  readonly #options: CedarSacParameters;
  readonly #whole: Learner;
  /** Newest transitions as [state, action, reward, next state], the oldest first; how many; updates' last loss. */
  readonly #kept: Float32Array;
  readonly #counts = new Int32Array(1);
  /** The transition at hand. A run is cut by time alone: no state is terminal. */
  readonly #pushed: { -readonly [K in keyof Transition]: Transition[K] } = {
    state: NOTHING,
    action: NOTHING,
    reward: Number.NaN,
    nextState: NOTHING,
    done: false,
  };
  /** Critics' loss at the last update, and its median at the end of training. */
  readonly #loss = Float64Array.of(0, 0);

  /**
   * @param stateSize numbers of an observation
   * @param lossWindow updates whose median loss counts
   */
  constructor(
    world: World,
    stateSize: number,
    options: CedarSacParameters,
    lossWindow: number,
    records: LearnerRecords,
  ) {
    const dense = chooseDense(options.dense);
    this.backend = denseWords(dense);
    const groups = world.groups.length;
    this.size = world.tiers.length * groups + (options.scaling ? groups : 0);
    this.#options = options;
    this.#sac = new Sac(
      dense,
      {
        stateSize,
        actionSize: this.size,
        actorHidden: options.hidden,
        criticHidden: options.hidden,
        gamma: options.discount,
        tau: options.tau,
        actorLearningRate: options.actorLearningRate,
        criticLearningRate: options.criticLearningRate,
        ...(options.targetEntropy === null ? {} : { targetEntropy: options.targetEntropy }),
      },
      options.seed,
      "cedar",
    );
    const shape = { state: stateSize, action: this.size, goal: 0, metrics: 0 };
    this.#replay = new ReplayBuffer(shape, options.buffer);
    this.#batch = makeBatch(shape, options.batch);
    this.#draws = new Stream(options.seed, "cedar batches");
    this.#losses = new LossWindow(lossWindow);
    this.#guard = new DivergenceGuard(this.#sac, { learner: "CEDAR's learned policy" });
    this.#kept = new Float32Array(options.keepTransitions * (2 * stateSize + this.size + 1));
    const { heuristic, sac } = records.handOver;
    this.#whole = {
      kind: "cedar-sac",
      shape: {
        tiers: world.tiers.map(({ name }) => name).join(", "),
        groups: world.groups.join(", "),
        regions: world.signals.regions.join(", "),
        // Named only where it is not the default, of which there were policies before there was a choice.
        ...(options.transition === "interval" ? {} : { transitions: options.transition }),
        ...this.#sac.shape,
      },
      networks: this.#sac.networks,
      arrays: {
        ...this.#sac.arrays,
        draws: this.#draws.state,
        reference: records.reference,
        duals: records.duals,
        curve: records.curve.values,
        "rewards of the heuristic": heuristic.values,
        "number of the heuristic's": heuristic.counts,
        "rewards of SAC": sac.values,
        "number of SAC's": sac.counts,
        "critics' loss": this.#loss,
        transitions: this.#kept,
        "number of transitions": this.#counts,
      },
    };
  }

  /** Updates done, training's included. */
  get updates(): number {
    return this.#sac.updates;
  }

  get transitions(): number {
    return this.#replay.length;
  }

  /** Action of a state. */
  act(how: "explore" | "mean", state: Float32Array, action: Float32Array): void {
    this.#sac.act(how, state, NOTHING, 1, action);
  }

  push(state: Float32Array, action: Float32Array, reward: number, nextState: Float32Array): void {
    const pushed = this.#pushed;
    pushed.state = state;
    pushed.action = action;
    pushed.reward = reward;
    pushed.nextState = nextState;
    this.#replay.push(pushed);
  }

  /**
   * One update, once there are transitions enough.
   *
   * @throws DivergenceError naming the last good checkpoint
   */
  update(): void {
    if (this.#replay.length < this.#options.minBuffer) return;
    this.#replay.sample(this.#draws, this.#options.batch, this.#batch);
    const { criticLoss } = this.#sac.update(this.#batch);
    this.#guard.watch(criticLoss);
    this.#losses.push(criticLoss);
    this.#loss[0] = criticLoss;
  }

  /** Sorts the window of losses: once per control interval at most. */
  health(): LearnerHealth {
    const medianLoss = this.#losses.length === 0 ? this.#loss[1] : this.#losses.median();
    return { criticLoss: this.#loss[0], medianLoss, temperature: this.#sac.alpha };
  }

  save(): Uint8Array {
    this.#loss[1] = this.health().medianLoss;
    const { length, shape } = this.#replay;
    const count = Math.min(length, this.#options.keepTransitions);
    const row = makeBatch(shape, 1);
    const width = 2 * shape.state + shape.action + 1;
    for (let i = 0; i < count; i++) {
      this.#replay.copyOut(length - count + i, row, 0);
      const at = i * width;
      this.#kept.set(row.states, at);
      this.#kept.set(row.actions, at + shape.state);
      this.#kept.set(row.rewards, at + shape.state + shape.action);
      this.#kept.set(row.nextStates, at + shape.state + shape.action + 1);
    }
    this.#counts[0] = count;
    return saveCheckpoint(this.#whole);
  }

  /** @throws UserError CANOPY_CHECKPOINT_FORMAT, CANOPY_CHECKPOINT_SHAPE */
  load(bytes: Uint8Array, source: string): void {
    loadCheckpoint(this.#whole, bytes, source);
    const { state, action } = this.#replay.shape;
    const width = 2 * state + action + 1;
    this.#replay.clear();
    for (let i = 0; i < this.#counts[0]; i++) {
      const at = i * width;
      const part = this.#kept.subarray(at, at + width);
      this.push(
        part.subarray(0, state),
        part.subarray(state, state + action),
        part[state + action],
        part.subarray(state + action + 1),
      );
    }
  }
}

/** `typescript`, or the addon with the instruction set of its kernels. */
export function denseWords({ backend, isa }: { readonly backend: string; readonly isa: string }): string {
  return backend === "native" ? `native ${isa}` : backend;
}
