import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseProfile } from "../profile/load.ts";
import { measureHost } from "../profile/measure/measure-host.ts";
import { profileOfMeasurements } from "../profile/measure/profile-of-measurements.ts";
import { RawFile, readRawFile } from "../profile/measure/raw-file.ts";
import type { PreparedRun } from "../profile/measure/start-run.ts";
import type { Profile } from "../profile/schema.ts";

const RAW_NAME = "profile.raw.msgpack";

/** A profile of the engine that is about to be validated, of the steps that it will serve, and its raw records. */
export async function measureForValidation(
  { bench, header }: PreparedRun,
  signal: AbortSignal,
  onProgress: (line: string) => void,
): Promise<{
  readonly profile: Profile;
  readonly raw: { readonly name: string; readonly bytes: Uint8Array };
}> {
  const folder = await mkdtemp(join(tmpdir(), "canopy-validate-"));
  try {
    const path = join(folder, RAW_NAME);
    const file = await RawFile.create(path, header);
    const records = { header, trials: [], idle: [], engines: [] };
    await measureHost(bench, file, records, {
      signal,
      onProgress: ({ done, total, line }) => onProgress(`profile [${done}/${total}] ${line}`),
    });
    const made = profileOfMeasurements(await readRawFile(path), RAW_NAME);
    const { profile } = parseProfile(made.profile, "the profile measured for the validation");
    return { profile, raw: { name: RAW_NAME, bytes: await readFile(path) } };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
