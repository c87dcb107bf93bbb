import type { Command } from "commander";
import { jsonName } from "../option-values.ts";
import { examples, type FormatOption, withFormat } from "../output.ts";
import { writeProfile } from "../write-profile.ts";

/** `canopy profile build`. */
export function addProfileBuildCommand(group: Command): void {
  const build = group
    .command("build")
    .description(
      "make a profile of the raw records of `canopy profile measure` or `server` again: the same bytes",
    )
    .argument("<raw.msgpack>", "raw records")
    .requiredOption("--out <file.json>", "the profile to write", jsonName)
    .addHelpText("after", examples(["canopy profile build my-host.raw.msgpack --out my-host.json"]));
  withFormat(build).action(async (raw: string, { out, format }: FormatOption & { out: string }) => {
    const { readFile } = await import("node:fs/promises");
    const { unpackRecords } = await import("../../profile/server/records.ts");
    const records = unpackRecords(await readFile(raw).catch(() => new Uint8Array()));
    if (records !== undefined) {
      const { profileOfRecords } = await import("../../profile/server/profile-of-records.ts");
      return writeProfile(profileOfRecords(records, await rawPath(raw, out)), out, format, []);
    }
    const { readRawFile } = await import("../../profile/measure/raw-file.ts");
    const { profileOfMeasurements } = await import("../../profile/measure/profile-of-measurements.ts");
    const { profile, warnings } = profileOfMeasurements(await readRawFile(raw), await rawPath(raw, out));
    return writeProfile(
      profile,
      out,
      format,
      warnings.map((warning) => `warning: ${warning}`),
    );
  });
}

/** Raw records as a profile names them: relative to it, with forward slashes. */
async function rawPath(raw: string, out: string): Promise<string> {
  const { dirname, relative, sep } = await import("node:path");
  return relative(dirname(out), raw).split(sep).join("/");
}
