import {
  closeSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { UserError } from "../errors.ts";

/** Who holds a lock. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When that process began, in the kernel's ticks; null where the system does not tell. */
  readonly began: string | null;
}

/** A lock file that is still without its holder after this long was left by a process that died. */
const EMPTY_LOCK_LIFE_MS = 10_000;

/** A holder says so often that it lives, by the time of the lock file: other hosts cannot ask for its process. */
const BEAT_MS = 15_000;
/** A lock of another host that was silent for so long is taken over. Clocks may differ by less than half of it. */
const SILENCE_MS = 120_000;

/**
 * Takes the folder's lock for this process, over from a holder that no longer lives: by its process on this host, by
 * its silence on another one.
 *
 * @returns a function that gives the lock back
 * @throws UserError CANOPY_STORE_LOCKED while another process, or another run of this one, holds it
 */
export function lockFolder(folder: string): () => void {
  const path = join(folder, "lock");
  const own: Holder = { pid: process.pid, host: hostname(), began: processBegan(process.pid) };
  for (let attempt = 0; attempt < 10; attempt++) {
    if (create(path, JSON.stringify(own))) return keep(path);
    const text = read(path);
    if (text === undefined) continue;
    const holder = parse(text);
    if (!isStale(path, holder)) throw locked(path, holder);
    removeIfStill(path, text);
  }
  throw locked(path, undefined);
}

/** @returns a function that gives the lock back */
function keep(path: string): () => void {
  const beat = setInterval(() => {
    const now = new Date();
    try {
      utimesSync(path, now, now);
    } catch {
      // Without the file there is nothing to keep alive.
    }
  }, BEAT_MS);
  beat.unref();
  return () => {
    clearInterval(beat);
    rmSync(path, { force: true });
  };
}

function create(path: string, text: string): boolean {
  let file: number;
  try {
    file = openSync(path, "wx");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  writeSync(file, text);
  closeSync(file);
  return true;
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function parse(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder>;
    return typeof value.pid === "number" && typeof value.host === "string" ? (value as Holder) : undefined;
  } catch {
    return undefined;
  }
}

function isStale(path: string, holder: Holder | undefined): boolean {
  if (holder === undefined || holder.host !== hostname()) {
    const touched = statSync(path, { throwIfNoEntry: false })?.mtimeMs;
    const life = holder === undefined ? EMPTY_LOCK_LIFE_MS : SILENCE_MS;
    return touched !== undefined && Date.now() - touched > life;
  }
  if (!lives(holder.pid)) return true;
  return holder.began !== null && holder.began !== processBegan(holder.pid);
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Field 22 of proc(5)'s stat: tells a process from a later one with the same number. */
function processBegan(pid: number): string | null {
  const stat = read(`/proc/${pid}/stat`);
  return stat === undefined ? null : (stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null);
}

/** Removes the lock unless someone else has replaced it since it was read. */
function removeIfStill(path: string, text: string): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (read(aside) === text) rmSync(aside, { force: true });
  else renameSync(aside, path);
}

function locked(path: string, holder: Holder | undefined): UserError {
  const who =
    holder === undefined
      ? "another process"
      : `process ${holder.pid}${holder.host === hostname() ? "" : ` on ${holder.host}`}`;
  return new UserError(
    "CANOPY_STORE_LOCKED",
    `${path}: ${who} is writing results there; wait for it, use another --out, or remove the file if it no longer runs`,
  );
}
