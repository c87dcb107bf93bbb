/** Elements of each part of a transition; a part that a learner does not use has 0. */
export interface TransitionShape {
  readonly state: number;
  readonly action: number;
  /** Weight vector or other condition of the policy. */
  readonly goal: number;
  /** What the environment measured, for rewards under other goals. */
  readonly metrics: number;
}

/** One step of an environment. */
export interface Transition {
  readonly state: ArrayLike<number>;
  readonly action: ArrayLike<number>;
  readonly reward: number;
  readonly nextState: ArrayLike<number>;
  /** Whether the next state is terminal; false where an episode was only cut short. */
  readonly done: boolean;
  readonly goal?: ArrayLike<number>;
  readonly metrics?: ArrayLike<number>;
}

/** Transitions as matrices with a row each, made once and filled again and again. */
export interface Batch {
  /** Rows that the last sample filled. */
  rows: number;
  readonly capacity: number;
  readonly states: Float32Array;
  readonly actions: Float32Array;
  readonly rewards: Float32Array;
  readonly nextStates: Float32Array;
  /** 1 where the next state is terminal, else 0. */
  readonly done: Float32Array;
  readonly goals: Float32Array;
  readonly metrics: Float32Array;
}

export function makeBatch(shape: TransitionShape, capacity: number): Batch {
  return {
    rows: 0,
    capacity,
    states: new Float32Array(capacity * shape.state),
    actions: new Float32Array(capacity * shape.action),
    rewards: new Float32Array(capacity),
    nextStates: new Float32Array(capacity * shape.state),
    done: new Float32Array(capacity),
    goals: new Float32Array(capacity * shape.goal),
    metrics: new Float32Array(capacity * shape.metrics),
  };
}
