import type { Dense } from "../../src/learning/dense/dense.ts";
import { makeBatch } from "../../src/learning/replay/batch.ts";
import { ReplayBuffer } from "../../src/learning/replay/replay-buffer.ts";
import { Sac } from "../../src/learning/sac/sac.ts";
import { Stream } from "../../src/numeric/random.ts";

const SHAPE = { state: 43, action: 16, goal: 4, metrics: 4 };
const BATCH = 64;

/** What one update computes, in words. */
export const UPDATE = `soft actor-critic as MARLIN trains it: batch ${BATCH} from the replay buffer, state ${SHAPE.state}, ${SHAPE.action} actions, goal ${SHAPE.goal}, actor 128-128 with FiLM, twin critics 256-256`;

/** Draws a batch of made-up transitions and updates an agent with it. */
export function sacUpdate(dense: Dense): () => void {
  const random = new Stream(1, "bench");
  const agent = new Sac(
    dense,
    {
      stateSize: SHAPE.state,
      actionSize: SHAPE.action,
      goalSize: SHAPE.goal,
      actorHidden: [128, 128],
      criticHidden: [256, 256],
      gamma: 0.95,
      centredGroup: 8,
    },
    1,
  );
  const buffer = new ReplayBuffer(SHAPE, 20_000);
  const draw = (count: number) => Array.from({ length: count }, () => random.uniform());
  for (let k = 0; k < 5000; k++) {
    buffer.push({
      state: draw(SHAPE.state),
      action: draw(SHAPE.action),
      reward: -random.uniform(),
      nextState: draw(SHAPE.state),
      done: false,
      goal: draw(SHAPE.goal),
      metrics: draw(SHAPE.metrics),
    });
  }
  const batch = makeBatch(SHAPE, BATCH);
  return () => {
    buffer.sample(random, BATCH, batch);
    agent.update(batch);
  };
}
