/** Providers' answers on disk: saves requests, and serves the last good answer while a provider is down. */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { sha256OfText, writeFileAtomically } from "../../files.ts";
import { type Clock, HttpFailure, systemClock } from "./http.ts";

/** A value and where it stands in time. */
export interface Dated<T> {
  readonly value: T;
  /** The provider failed and this is its last good answer. */
  readonly stale: boolean;
  /** Since the provider gave it. */
  readonly ageSeconds: number;
}

interface Entry {
  readonly key: string;
  readonly storedSeconds: number;
  readonly body: unknown;
}

/** `CANOPY_CACHE`, else `canopy` in the user's cache folder. */
export function defaultCacheDirectory(environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return environment["CANOPY_CACHE"] ?? join(base, "canopy");
}

/** One file for each request, named by the hash of its key; the key holds no credentials. */
export class ResponseCache {
  readonly #directory: string;
  readonly #clock: Clock;

  constructor(directory: string, clock: Clock = systemClock) {
    this.#directory = directory;
    this.#clock = clock;
  }

  /**
   * The answer to a request: from disk when younger than `maxAgeSeconds`, else from the provider; when that fails in
   * a way that may pass, the last good answer, marked stale.
   *
   * @param read takes what is needed from a body; throws HttpFailure of kind `body` when it cannot. A body that
   *   cannot be read is never stored.
   * @throws what `request` throws, when there is nothing to fall back on or the fault is the user's
   */
  async fetch<T>(
    key: string,
    maxAgeSeconds: number,
    request: () => Promise<unknown>,
    read: (body: unknown) => T,
  ): Promise<Dated<T>> {
    const entry = await this.#load(key);
    const age =
      entry === undefined ? Number.POSITIVE_INFINITY : this.#clock.nowSeconds() - entry.storedSeconds;
    const stored = (stale: boolean): Dated<T> => ({
      value: read((entry as Entry).body),
      stale,
      ageSeconds: age,
    });
    if (age >= 0 && age <= maxAgeSeconds) return stored(false);
    try {
      const body = await request();
      const value = read(body);
      const fresh: Entry = { key, storedSeconds: this.#clock.nowSeconds(), body };
      await writeFileAtomically(this.#path(key), JSON.stringify(fresh));
      return { value, stale: false, ageSeconds: 0 };
    } catch (error) {
      if (entry === undefined || !(error instanceof HttpFailure && error.passing)) throw error;
      return stored(true);
    }
  }

  async #load(key: string): Promise<Entry | undefined> {
    try {
      const entry = JSON.parse(await readFile(this.#path(key), "utf8")) as Entry;
      return entry.key === key && Number.isFinite(entry.storedSeconds) ? entry : undefined;
    } catch {
      // Absent or damaged alike: the provider is asked again and the file is written anew.
      return undefined;
    }
  }

  #path(key: string): string {
    return join(this.#directory, `${sha256OfText(key).slice(0, 32)}.json`);
  }
}
