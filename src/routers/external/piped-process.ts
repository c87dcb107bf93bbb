import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isMainThread } from "node:worker_threads";
import { UserError } from "../../errors.ts";

/** Milliseconds for which an answer is waited for without sleeping: most come within them. */
const AWAKE_MILLISECONDS = 0.2;
/** Longest sleep between two looks at the pipe, in milliseconds. */
const LONGEST_SLEEP = 2;
/** What a process gets to end by itself once its input has ended, in milliseconds. */
const GRACE_MILLISECONDS = 2000;
/** Bytes at the end of its standard error that messages look at. */
const STDERR_TAIL = 4096;
/** Bytes of its standard error that are kept before all but the tail is let go. */
const MOST_STDERR = 2 ** 20;

/** How Python, Node and others begin the line that says what went wrong. */
const NAMES_ERROR = /^[\w.]*(Error|Exception)\b/;

/** Folders of this process's pipes; its threads have the same. */
const FOLDERS = `canopy-external-${process.pid}-`;

let isSweeping = false;
/**
 * Removes at the end of this process the folders of threads that were ended while they opened their pipes: no code of
 * such a thread runs any more. To be called in the main thread of a process whose threads may start others; does
 * nothing in those.
 */
export function sweepAtExit(): void {
  if (isSweeping || !isMainThread) return;
  isSweeping = true;
  process.once("exit", () => {
    try {
      for (const name of readdirSync(tmpdir())) {
        if (name.startsWith(FOLDERS)) rmSync(join(tmpdir(), name), { recursive: true, force: true });
      }
    } catch {
      // The system clears this folder too.
    }
  });
}

/** What befell an exchange with the process; the caller knows which one it was. */
export type PipeTrouble = "ended" | "timeout";
export class PipeError extends Error {
  readonly trouble: PipeTrouble;
  constructor(trouble: PipeTrouble) {
    super(trouble);
    this.trouble = trouble;
  }
}

/**
 * A process of the user's with synchronous pipes to its standard input and from its standard output. The pipes are
 * named ones whose names are gone once it has started; our ends do not block, so that every wait has an end. It has a
 * process group of its own: an interruption of ours reaches it as the end of its input, and killing it takes its
 * children along.
 */
export class PipedProcess {
  readonly #child: ChildProcess;
  readonly #toProcess: number;
  readonly #fromProcess: number;
  readonly #stderr: number;
  readonly #exited: Promise<void>;
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));
  #open = true;

  /**
   * @param command program and its words
   * @param folder that it runs in
   * @throws UserError CANOPY_EXTERNAL_START
   */
  constructor(command: readonly string[], folder: string) {
    const [program, ...words] = command;
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) {
      throw refusal(`the folder ${folder} that it should run in does not exist`);
    }
    const pipes = openPipes();
    this.#toProcess = pipes.toProcess;
    this.#fromProcess = pipes.fromProcess;
    this.#stderr = pipes.stderr;
    let child: ChildProcess | undefined;
    let why = "";
    try {
      child = spawn(program, words, {
        cwd: folder,
        stdio: [pipes.childIn, pipes.childOut, pipes.stderr],
        detached: true,
      });
      child.on("error", () => undefined);
    } catch (error) {
      // Only the commonest errors come as events: those of words that are too long or have null bytes are thrown.
      why = ` (${(error as Error).message.split("\n")[0]})`;
    } finally {
      closeSync(pipes.childIn);
      closeSync(pipes.childOut);
    }
    if (child?.pid === undefined) {
      this.#closePipes();
      throw refusal(`there is no program "${program}", or it may not be run${why}`);
    }
    this.#child = child;
    this.#exited = new Promise((resolve) => this.#child.once("exit", () => resolve()));
  }

  /**
   * Writes all bytes.
   *
   * @param until `performance.now()` of the latest
   * @throws PipeError
   */
  write(bytes: Uint8Array, until: number): void {
    this.#trimStderr();
    let sleep = 0;
    for (let at = 0; at < bytes.length; ) {
      try {
        at += writeSync(this.#toProcess, bytes, at, bytes.length - at);
        sleep = 0;
      } catch (error) {
        const { code } = error as { code?: string };
        if (code === "EPIPE") throw new PipeError("ended");
        if (code !== "EAGAIN") throw error;
        if (performance.now() > until) throw new PipeError("timeout");
        sleep = this.#sleep(sleep);
      }
    }
  }

  /**
   * Reads what is there, at least a byte.
   *
   * @param until as for {@link write}
   * @returns bytes written into `target` from `at`
   * @throws PipeError
   */
  read(target: Uint8Array, at: number, until: number): number {
    const began = performance.now();
    let sleep = 0;
    for (;;) {
      const count = this.#readNow(target, at);
      if (count >= 0) return count;
      const now = performance.now();
      if (now > until) throw new PipeError("timeout");
      if (now - began > AWAKE_MILLISECONDS) sleep = this.#sleep(sleep);
    }
  }

  /** The last error that its standard error names, else its last lines, in one line; empty for none. */
  lastWords(): string {
    const lines = this.#stderrTail(fstatSync(this.#stderr).size).toString("utf8").split("\n");
    const told = lines.map((line) => line.trim()).filter((line) => line !== "");
    return told.findLast((line) => NAMES_ERROR.test(line)) ?? told.slice(-3).join(" | ");
  }

  /** Ends it at once, with all that it has started. */
  kill(): void {
    try {
      process.kill(-(this.#child.pid as number), "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }

  /** Ends its input and waits until it has ended; kills it where that takes too long, and what it leaves behind. */
  async end(): Promise<void> {
    if (!this.#open) return;
    this.#closePipes();
    const timer = setTimeout(() => this.kill(), GRACE_MILLISECONDS);
    await this.#exited;
    clearTimeout(timer);
    this.kill();
  }

  #stderrTail(size: number): Buffer {
    const tail = Buffer.alloc(Math.min(STDERR_TAIL, size));
    const count = readSync(this.#stderr, tail, 0, tail.length, size - tail.length);
    return tail.subarray(0, count);
  }

  /** What a process tells may be more than the disk has room for; it writes at the end, wherever that is. */
  #trimStderr(): void {
    const { size } = fstatSync(this.#stderr);
    if (size <= MOST_STDERR) return;
    const tail = this.#stderrTail(size);
    ftruncateSync(this.#stderr, 0);
    writeSync(this.#stderr, tail);
  }

  #closePipes(): void {
    this.#open = false;
    closeSync(this.#toProcess);
    closeSync(this.#fromProcess);
    closeSync(this.#stderr);
  }

  /** Bytes read, -1 for none yet. */
  #readNow(target: Uint8Array, at: number): number {
    // Every look at an empty pipe throws: its stack would cost more than the look.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    try {
      const count = readSync(this.#fromProcess, target, at, target.length - at, null);
      if (count === 0) throw new PipeError("ended");
      return count;
    } catch (error) {
      if ((error as { code?: string }).code !== "EAGAIN") throw error;
      return -1;
    } finally {
      Error.stackTraceLimit = stackTraceLimit;
    }
  }

  /** Sleeps a little longer than the last time. */
  #sleep(last: number): number {
    this.#trimStderr();
    const milliseconds = last === 0 ? 0.05 : Math.min(LONGEST_SLEEP, 1.5 * last);
    Atomics.wait(this.#sleeper, 0, 0, milliseconds);
    return milliseconds;
  }
}

interface Pipes {
  readonly childIn: number;
  readonly childOut: number;
  readonly stderr: number;
  readonly toProcess: number;
  readonly fromProcess: number;
}

/**
 * Two pipes, both ends of each, and a file for the standard error, none of which has a name any more. The ends of the
 * process block, as programs expect.
 */
function openPipes(): Pipes {
  const { O_RDWR, O_RDONLY, O_WRONLY, O_NONBLOCK } = constants;
  const folder = mkdtempSync(join(tmpdir(), FOLDERS));
  const opened: number[] = [];
  const open = (path: string, flags: number | string) => {
    const descriptor = openSync(path, flags);
    opened.push(descriptor);
    return descriptor;
  };
  try {
    const [input, output] = [join(folder, "in"), join(folder, "out")];
    const made = spawnSync("mkfifo", ["-m", "600", input, output]);
    if (made.status !== 0) {
      throw refusal("external processes need named pipes (mkfifo), as Linux and macOS have them");
    }
    // Opening an end waits for the other one, unless a descriptor for both is there.
    const both = openSync(input, O_RDWR);
    const childIn = open(input, O_RDONLY);
    const toProcess = open(input, O_WRONLY | O_NONBLOCK);
    closeSync(both);
    const fromProcess = open(output, O_RDONLY | O_NONBLOCK);
    const childOut = open(output, O_WRONLY);
    const stderr = open(join(folder, "stderr"), "a+");
    return { childIn, childOut, stderr, toProcess, fromProcess };
  } catch (error) {
    for (const descriptor of opened) closeSync(descriptor);
    throw error;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function refusal(why: string): UserError {
  return new UserError("CANOPY_EXTERNAL_START", why);
}
