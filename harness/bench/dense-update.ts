import { type Dense, initialise, type Mlp, type MlpShape } from "../../src/learning/dense/dense.ts";
import { Stream } from "../../src/numeric/random.ts";

const BATCH = 256;
const STATE = 64;
const ACTIONS = 16;

/** What one update computes, in words. */
export const UPDATE = `soft actor-critic, batch ${BATCH}, state ${STATE}, ${ACTIONS} actions, actor 128-128, twin critics 256-256, Adam, Polyak`;

/**
 * One update of soft actor-critic as a function: both critics towards a target of the target critics, the actor
 * through both frozen critics, Polyak averaging. Transitions and noise are drawn once; only arithmetic is timed.
 */
export function sacUpdate(dense: Dense): () => void {
  const random = new Stream(1, "bench");
  const make = (shape: MlpShape): Mlp => {
    const mlp = dense.mlp(shape);
    initialise(mlp, () => random.uniform());
    return mlp;
  };
  const actor = make({ sizes: [STATE, 128, 128, 2 * ACTIONS], activations: ["relu", "relu", "linear"] });
  const critic: MlpShape = { sizes: [STATE + ACTIONS, 256, 256, 1], activations: ["relu", "relu", "linear"] };
  const pairs = [0, 1].map(() => ({ online: make(critic), target: make(critic) }));
  const draw = (count: number) => Float32Array.from({ length: count }, () => random.normal());
  const [states, nextStates, actions] = [draw(BATCH * STATE), draw(BATCH * STATE), draw(BATCH * ACTIONS)];
  const [rewards, noise] = [draw(BATCH), draw(BATCH * ACTIONS)];
  const head = new Float32Array(BATCH * 2 * ACTIONS);
  const sampled = new Float32Array(BATCH * ACTIONS);
  const joined = new Float32Array(BATCH * (STATE + ACTIONS));
  const [q1, q2, wanted, slope] = [0, 1, 2, 3].map(() => new Float32Array(BATCH));
  const [byJoined1, byJoined2] = [new Float32Array(joined.length), new Float32Array(joined.length)];
  const byHead = new Float32Array(head.length);

  const act = (of: Float32Array) => {
    actor.forward(of, BATCH, head);
    for (let r = 0; r < BATCH; r++) {
      for (let j = 0; j < ACTIONS; j++) {
        const at = r * 2 * ACTIONS + j;
        const deviation = Math.exp(Math.tanh(head[at + ACTIONS]));
        sampled[r * ACTIONS + j] = Math.tanh(head[at] + deviation * noise[r * ACTIONS + j]);
      }
    }
  };
  const join = (of: Float32Array, with_: Float32Array) => {
    for (let r = 0; r < BATCH; r++) {
      joined.set(of.subarray(r * STATE, (r + 1) * STATE), r * (STATE + ACTIONS));
      joined.set(with_.subarray(r * ACTIONS, (r + 1) * ACTIONS), r * (STATE + ACTIONS) + STATE);
    }
  };

  return () => {
    act(nextStates);
    join(nextStates, sampled);
    pairs[0].target.forward(joined, BATCH, q1);
    pairs[1].target.forward(joined, BATCH, q2);
    for (let r = 0; r < BATCH; r++) wanted[r] = rewards[r] + 0.99 * Math.min(q1[r], q2[r]);

    join(states, actions);
    for (const { online } of pairs) {
      online.forward(joined, BATCH, q1);
      for (let r = 0; r < BATCH; r++) slope[r] = (2 * (q1[r] - wanted[r])) / BATCH;
      online.backward(slope);
      online.adamStep({ learningRate: 1e-3 });
    }

    act(states);
    join(states, sampled);
    pairs[0].online.forward(joined, BATCH, q1);
    pairs[1].online.forward(joined, BATCH, q2);
    for (let r = 0; r < BATCH; r++) slope[r] = q1[r] <= q2[r] ? -1 / BATCH : 0;
    pairs[0].online.backward(slope, { parameters: false, inputs: byJoined1 });
    for (let r = 0; r < BATCH; r++) slope[r] = -1 / BATCH - slope[r];
    pairs[1].online.backward(slope, { parameters: false, inputs: byJoined2 });
    for (let r = 0; r < BATCH; r++) {
      for (let j = 0; j < ACTIONS; j++) {
        const at = r * 2 * ACTIONS + j;
        const a = sampled[r * ACTIONS + j];
        const from = r * (STATE + ACTIONS) + STATE + j;
        const byMean = (byJoined1[from] + byJoined2[from]) * (1 - a * a);
        const logDeviation = Math.tanh(head[at + ACTIONS]);
        byHead[at] = byMean;
        byHead[at + ACTIONS] =
          byMean * noise[r * ACTIONS + j] * Math.exp(logDeviation) * (1 - logDeviation ** 2);
      }
    }
    actor.backward(byHead);
    actor.adamStep({ learningRate: 3e-4 });
    for (const { online, target } of pairs) target.polyak(online, 0.005);
  };
}
