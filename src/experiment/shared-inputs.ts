/** Tables that every run of a plan may need: made once, cloned to each worker without copying the big columns. */
import type { InlineProfile, Profile } from "../profile/schema.ts";
import type { StepSeries } from "../signal/series.ts";
import type { SharedTrace } from "../workload/trace.ts";
import type { EpochPointInputs } from "./epochs/epoch-inputs.ts";
import type { TrainedArtefacts } from "./run-spec.ts";
import type { Experiment } from "./schema.ts";

export interface SharedInputs {
  /** By content of the point. */
  readonly points: Readonly<Record<string, PointInputs>>;
  /** The same of points with planners. */
  readonly epochPoints: Readonly<Record<string, EpochPointInputs>>;
  /** By content. */
  readonly profiles: Readonly<Record<string, Profile | InlineProfile>>;
  /** Series of files on shared memory, by content. */
  readonly series: Readonly<Record<string, StepSeries>>;
  /** Requests on shared memory: traces, and synthetic workloads that are not too long. */
  readonly workloads: Readonly<Record<string, SharedWorkload>>;
  /** Files that training left, by content. */
  readonly artefacts: Readonly<Record<string, Uint8Array>>;
  /** What training has left, by key of the training. */
  readonly trained: Readonly<Record<string, TrainedArtefacts>>;
  /** Folder for the last good checkpoints of what diverges; without it they are not kept. */
  readonly diverged?: string;
}

export interface SharedWorkload {
  readonly requests: SharedTrace;
  /** How many times they are played, one round after the other. */
  readonly repeat: number;
  /** Means that a gateway knows from history: of a generated workload the expectations, not those of its draw. */
  readonly meanPromptTokens: number;
  readonly meanOutputTokens: number;
}

/** A signal of one region, all but the time at which the run begins. */
export type SeriesInput =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "steps"; readonly steps: readonly (readonly [number, number])[] }
  | {
      readonly kind: "preset";
      readonly preset: string;
      readonly seed: number | string;
      readonly stepSeconds: number;
      readonly changes: SeriesChanges;
    }
  | { readonly kind: "file"; readonly series: string };

export interface SeriesChanges {
  readonly rescale?: readonly [number, number] | undefined;
  readonly factor?: number | undefined;
}

/** A fitted item response: by task type and model, or task type; see `ItemResponse`. */
export interface AnswerInput {
  /** Names in the table of the task types, and of the fleet's models. */
  readonly datasets: readonly string[];
  readonly models: readonly string[];
  readonly skill: readonly number[];
  readonly spread: readonly number[];
}

export interface PointInputs {
  readonly experiment: Experiment;
  /** Keys of {@link SharedInputs.profiles}, one for each entry of the fleet. */
  readonly profiles: readonly string[];
  /** By region; empty where the experiment has none. */
  readonly carbon: Readonly<Record<string, SeriesInput>>;
  readonly price: Readonly<Record<string, SeriesInput>>;
  /** Who answers what rightly; null where that is not modelled. */
  readonly answers: AnswerInput | null;
  /** Starts of the runs in Unix seconds, or one null. */
  readonly starts: readonly (number | null)[];
  /** What stands in for data that is not there, and the like. */
  readonly notes: readonly string[];
}
