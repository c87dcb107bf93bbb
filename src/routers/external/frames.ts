import { Packr, Unpackr } from "msgpackr";
import type { PipedProcess } from "./piped-process.ts";

/** Bytes of the length in front of every frame: an unsigned whole number, the most significant byte first. */
export const LENGTH_BYTES = 4;
/** A longer answer is taken for something else than a frame, e.g. text that the process prints. */
export const LONGEST_FRAME = 64 * 2 ** 20;

const packr = new Packr({ useRecords: false, variableMapSize: true });
const unpackr = new Unpackr({ useRecords: false, int64AsType: "number" });

const PRINTS = "(a process must print nothing but frames to its standard output)";

/** What came instead of a frame. */
export class FrameError extends Error {}

/** A value as a frame: its length, then MessagePack. */
export function frameOf(value: unknown): Buffer {
  const body = packr.pack(value);
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + body.length);
  frame.writeUInt32BE(body.length, 0);
  body.copy(frame, LENGTH_BYTES);
  return frame;
}

/** Reads frames, one after another, from what a process writes. */
export class FrameReader {
  readonly #process: PipedProcess;
  #bytes = Buffer.allocUnsafe(65_536);
  /** Bytes that were read and belong to no frame yet, from the beginning. */
  #filled = 0;

  constructor(process: PipedProcess) {
    this.#process = process;
  }

  /** What has come of a frame that is not whole, in words; empty where nothing has. */
  get begun(): string {
    const bytes = `${this.#filled} ${this.#filled === 1 ? "byte" : "bytes"}`;
    if (this.#filled === 0) return "";
    if (this.#filled >= LENGTH_BYTES) {
      return `${bytes} of a frame of ${LENGTH_BYTES + this.#bytes.readUInt32BE(0)}`;
    }
    return `${bytes}, ${this.#quoted()}, of the ${LENGTH_BYTES} that a frame's length has ${PRINTS}`;
  }

  /** Bytes behind the last frame: there are none while a process only answers. */
  get surplus(): number {
    return this.#filled;
  }

  /**
   * @param until `performance.now()` of the latest
   * @throws PipeError, FrameError
   */
  next(until: number): unknown {
    this.#fill(LENGTH_BYTES, until);
    const length = this.#bytes.readUInt32BE(0);
    if (length > LONGEST_FRAME) {
      throw new FrameError(`no frame: it begins ${this.#quoted()} ${PRINTS}`);
    }
    const whole = LENGTH_BYTES + length;
    this.#fill(whole, until);
    // A copy: what is unpacked may point into it.
    const body = Buffer.from(this.#bytes.subarray(LENGTH_BYTES, whole));
    this.#bytes.copyWithin(0, whole, this.#filled);
    this.#filled -= whole;
    try {
      return unpackr.unpack(body) as unknown;
    } catch (error) {
      throw new FrameError(`${length} bytes that are no MessagePack (${(error as Error).message})`);
    }
  }

  /** The first bytes that have come, as text. */
  #quoted(): string {
    return JSON.stringify(this.#bytes.subarray(0, Math.min(24, this.#filled)).toString("latin1"));
  }

  #fill(wanted: number, until: number): void {
    if (this.#bytes.length < wanted) {
      const wider = Buffer.allocUnsafe(Math.max(wanted, 2 * this.#bytes.length));
      this.#bytes.copy(wider, 0, 0, this.#filled);
      this.#bytes = wider;
    }
    while (this.#filled < wanted) this.#filled += this.#process.read(this.#bytes, this.#filled, until);
  }
}
