import { Law } from "../profile/law.ts";

/** A law that gives every iteration the duration set last: for a replica that is led through recorded steps. */
export class RecordedLaw extends Law {
  #duration = 1;

  constructor(maxSequences: number) {
    super(
      {
        decode: { baseSeconds: 1, perSequenceSeconds: 0, perContextTokenSeconds: 0 },
        prefill: { baseSeconds: 1, perTokenSeconds: 0 },
        overheadSeconds: 0,
        mixedRule: "add",
        power: null,
      },
      maxSequences,
    );
  }

  /** In the unit of the replica's times. */
  set duration(value: number) {
    this.#duration = value;
    this.base.fill(value);
  }

  override seconds(): number {
    return this.#duration;
  }
}
