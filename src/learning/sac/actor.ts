import { argumentError } from "../dense/arguments.ts";
import { type Dense, initialise, type Mlp } from "../dense/dense.ts";
import { Film } from "./film.ts";

/**
 * How a policy comes to know its goal: `film` modulates the first hidden layer by it, `film-on-action` the means before
 * the tanh, `concat` puts it beside the state, `none` keeps it from the policy.
 */
export type Conditioning = "film" | "film-on-action" | "concat" | "none";

export interface ActorOptions {
  readonly stateSize: number;
  readonly actionSize: number;
  readonly goalSize: number;
  readonly hidden: readonly number[];
  readonly conditioning: Conditioning;
}

/** A policy's network: means and, for each, an x that stands for the log standard deviation. */
export interface Actor {
  readonly networks: Readonly<Record<string, Mlp>>;
  /** outputs [rows, 2 actionSize] of states [rows, stateSize] under goals [rows, goalSize]. */
  forward(states: Float32Array, goals: Float32Array, rows: number, outputs: Float32Array): void;
  /** Fills the networks' gradients for the last `forward`; `outputGradients` is overwritten. */
  backward(outputGradients: Float32Array): void;
}

/** @param uniform draws from [0, 1) for the initial weights; a FiLM layer starts at the identity */
export function makeActor(dense: Dense, options: ActorOptions, uniform: () => number): Actor {
  const { goalSize, hidden, conditioning } = options;
  if (hidden.length === 0) throw argumentError("an actor needs a hidden layer");
  if (conditioning !== "none" && goalSize === 0) {
    throw argumentError(`conditioning "${conditioning}" needs a goal`);
  }
  if (conditioning === "film") return filmActor(dense, options, uniform);
  return plainActor(dense, options, uniform);
}

function filmActor(dense: Dense, options: ActorOptions, uniform: () => number): Actor {
  const { stateSize, actionSize, goalSize, hidden } = options;
  const [width] = hidden;
  const first = dense.mlp({ sizes: [stateSize, width], activations: ["relu"] });
  const film = new Film(dense, goalSize, width);
  const rest = layers(dense, [...hidden, 2 * actionSize]);
  initialise(first, uniform);
  initialise(rest, uniform);
  let [features, gradients] = [new Float32Array(0), new Float32Array(0)];
  let lastRows = 0;
  return {
    networks: { first, film: film.network, rest },
    forward(states, goals, rows, outputs) {
      if (features.length < rows * width) {
        features = new Float32Array(rows * width);
        gradients = new Float32Array(rows * width);
      }
      lastRows = rows;
      first.forward(states, rows, features);
      film.forward(goals, rows, features);
      rest.forward(features, rows, outputs);
    },
    backward(outputGradients) {
      rest.backward(outputGradients, { inputs: gradients });
      film.backward(lastRows, gradients);
      first.backward(gradients);
    },
  };
}

function plainActor(dense: Dense, options: ActorOptions, uniform: () => number): Actor {
  const { stateSize, actionSize, goalSize, hidden, conditioning } = options;
  const beside = conditioning === "concat" ? goalSize : 0;
  const network = layers(dense, [stateSize + beside, ...hidden, 2 * actionSize]);
  initialise(network, uniform);
  const film =
    conditioning === "film-on-action" ? new Film(dense, goalSize, actionSize, 2 * actionSize) : null;
  let inputs = new Float32Array(0);
  let lastRows = 0;
  return {
    networks: film === null ? { network } : { network, film: film.network },
    forward(states, goals, rows, outputs) {
      lastRows = rows;
      if (beside === 0) {
        network.forward(states, rows, outputs);
      } else {
        if (inputs.length < rows * (stateSize + beside))
          inputs = new Float32Array(rows * (stateSize + beside));
        for (let row = 0, at = 0; row < rows; row++) {
          for (let i = 0; i < stateSize; i++) inputs[at++] = states[row * stateSize + i];
          for (let i = 0; i < beside; i++) inputs[at++] = goals[row * beside + i];
        }
        network.forward(inputs, rows, outputs);
      }
      film?.forward(goals, rows, outputs);
    },
    backward(outputGradients) {
      film?.backward(lastRows, outputGradients);
      network.backward(outputGradients);
    },
  };
}

function layers(dense: Dense, sizes: readonly number[]): Mlp {
  return dense.mlp({
    sizes,
    activations: sizes.slice(1).map((_, i) => (i < sizes.length - 2 ? "relu" : "linear")),
  });
}
