import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterFile } from "../../after-file.ts";
import type { ServerOptions } from "./completion-server.ts";

const PROGRAM = fileURLToPath(new URL("completion-server.ts", import.meta.url));

/** Starts a server in a process of its own, so that it and its client do not wait for each other; returns its address. */
export async function startServer(options: ServerOptions = {}): Promise<string> {
  const args = ["--import", import.meta.resolve("tsx"), PROGRAM, JSON.stringify(options)];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  afterFile(() => void child.kill());
  const [port] = (await once(child.stdout, "data")) as [Buffer];
  return `http://127.0.0.1:${port.toString().trim()}`;
}
