import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterFile } from "../after-file.ts";
import type { CommandOrder } from "./command-server.ts";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const SERVER = fileURLToPath(new URL("./command-server.ts", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command on its way. */
export interface Running {
  readonly process: ChildProcess;
  readonly ended: Promise<Ended>;
}

export interface CanopyOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The program, default that of this source tree. */
  readonly main?: string;
}

/** Starts the real command line in a process of its own. */
export function start(
  args: readonly string[],
  { cwd = workFolder(), env = {}, main = MAIN }: CanopyOptions = {},
): Running {
  const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), main, ...args], {
    cwd,
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, CANOPY_DATA: undefined, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
  return { process: child, ended };
}

/** Runs the real command line to its end. */
export function canopy(args: readonly string[], options: CanopyOptions = {}): Promise<Ended> {
  return start(args, options).ended;
}

let server: ChildProcess | undefined;
let last: Promise<unknown> = Promise.resolve();

/**
 * The same for whatever does not hang on a process of its own (signals, locks, a reader that leaves, worker threads):
 * one process for all commands of a worker of vitest, one after the other, is many times quicker. It ends with the worker.
 */
export function command(
  args: readonly string[],
  { cwd = workFolder(), env = {} }: { cwd?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<Ended> {
  const ended = last.then(() => {
    server ??= spawn(process.execPath, ["--import", import.meta.resolve("tsx"), SERVER], {
      env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, CANOPY_DATA: undefined },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    const child = server;
    return new Promise<Ended>((resolve, reject) => {
      const left = (code: number | null) => reject(new Error(`the command server left with ${code}`));
      child.once("exit", left);
      child.once("message", (answer: Ended) => {
        child.off("exit", left);
        resolve(answer);
      });
      child.send({ args, cwd, env } satisfies CommandOrder);
    });
  });
  last = ended.catch(() => undefined);
  return ended;
}

/** A new folder, with files in it, that is removed after the tests of the file. */
export function workFolder(files: Readonly<Record<string, string>> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "canopy-cli-"));
  // Commands and jobs that were killed or cancelled may still be writing.
  afterFile(() => rm(folder, { recursive: true, force: true, maxRetries: 30, retryDelay: 100 }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

/** A run takes a few milliseconds. */
export const SMALL = `experiment: small
workload:
  requests: 60
  arrival: { process: poisson, ratePerS: 10 }
  prompt: { dist: lognormal, mu: 5, sigma: 0.5 }
  output: { dist: lognormal, mu: 4, sigma: 0.5 }
tiers: [{ name: all, share: 1, sloS: 2 }]
fleet:
  - endpoint: a
    region: r1
    replicas: 1
    profile: { law: { baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0.0005 } }
  - endpoint: b
    region: r2
    replicas: 1
    profile: { law: { baseMs: 5, perPrefillTokenMs: 0.05, perDecodeSequenceMs: 0.2, perContextTokenMs: 0.0005 } }
batching: { policy: sarathi, maxRequests: 64, tokenBudget: 512, kvBlocks: 20000, blockTokens: 16, watermarkFraction: 0.01 }
signals: { carbon: { r1: 400, r2: 100 } }
routers: [round-robin, least-loaded]
seeds: 3
`;
