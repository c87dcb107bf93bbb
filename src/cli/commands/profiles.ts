import type { Command } from "commander";
import type { ProfileRow } from "../../profile/describe.ts";
import type { Column } from "../../report/table.ts";
import { examples, type FormatOption, type Printed, print, tableOf, withFormat } from "../output.ts";
import { ExitWith } from "../print-error.ts";
import { profileView } from "../profile-view.ts";
import { addProfileBuildCommand } from "./profile-build.ts";
import { addProfileCompareCommand, writeFigure } from "./profile-compare.ts";
import { addProfileMakeCommands } from "./profile-make.ts";
import { addProfileMeasureCommand } from "./profile-measure.ts";
import { addProfileServerCommand } from "./profile-server.ts";

export function addProfileCommands(program: Command): void {
  const list = program
    .command("profiles")
    .description("list the profiles that come with Canopy, with what each part rests on")
    .addHelpText("after", examples(["canopy profiles", "canopy profiles --format csv > profiles.csv"]));
  withFormat(list).action(async ({ format }: FormatOption) => print(format, await listShipped()));

  const group = program.command("profile").description("show, check, compare, measure or make profiles");
  const show = group
    .command("show")
    .description("print a profile: facts, decode and prefill times, power, sources")
    .argument("<profile>", "id of a shipped profile, or a file")
    .option("--figure <file.svg>", "also write the decode steps as a figure")
    .addHelpText(
      "after",
      examples([
        "canopy profile show h100-80gb.llama-3-8b.bf16.tp1",
        "canopy profile show ./mine.json --format json",
        "canopy profile show ./mine.json --figure mine.svg",
      ]),
    );
  withFormat(show).action(async (name: string, { format, figure }: FormatOption & { figure?: string }) =>
    print(format, await showOne(name, figure)),
  );

  const check = group
    .command("check")
    .description("check profiles against the schema and the physical checks; errors leave with 2")
    .argument("<profile...>", "ids of shipped profiles, or files")
    .addHelpText(
      "after",
      examples(["canopy profile check ./mine.json", "canopy profile check h100-80gb.llama-3-8b.bf16.tp1"]),
    );
  withFormat(check).action(async (names: string[], { format }: FormatOption) => checkAll(names, format));

  addProfileMeasureCommand(group);
  addProfileBuildCommand(group);
  addProfileServerCommand(group);
  addProfileCompareCommand(group);
  addProfileMakeCommands(group);
}

const COLUMNS: readonly (Column & { readonly key: keyof ProfileRow })[] = [
  { key: "id", header: "id" },
  { key: "gpu", header: "GPU" },
  { key: "kvCapacityTokens", header: "KV cache", unit: "tokens", format: "integer" },
  { key: "provenance", header: "provenance" },
  { key: "decode", header: "decode" },
  { key: "prefill", header: "prefill" },
  { key: "idleWatts", header: "idle power" },
  { key: "prefillWatts", header: "prefill power" },
  { key: "decodeWatts", header: "decode power" },
];

async function listShipped(): Promise<Printed> {
  const { listProfiles, loadProfile } = await import("../../profile/load.ts");
  const { profileRow } = await import("../../profile/describe.ts");
  const entries = await listProfiles();
  const rows = await Promise.all(
    entries.map(async ({ path }) => profileRow((await loadProfile(path)).profile)),
  );
  return {
    tables: [
      {
        title: "Profiles",
        caption: "What each part rests on, in the words of docs/profiles.md",
        columns: COLUMNS,
        rows: rows.map((row) => ({ cells: Object.fromEntries(COLUMNS.map(({ key }) => [key, row[key]])) })),
        notes: ["canopy profile show ID prints one with its tables and sources"],
      },
    ],
    json: { schema: "canopy/profiles/1", profiles: rows },
  };
}

async function showOne(name: string, figure?: string): Promise<Printed> {
  const { resolveProfile } = await import("../../profile/load.ts");
  const { profile, warnings } = await resolveProfile(name);
  if (figure !== undefined) {
    const { profileFigure } = await import("../../report/profile-figures.ts");
    await writeFigure(figure, await profileFigure(profile));
  }
  return profileView(profile, warnings);
}

async function checkAll(names: readonly string[], format: FormatOption["format"]): Promise<void> {
  const { examineProfile, profilePath, readProfileJson } = await import("../../profile/load.ts");
  const { findingTable } = await import("../../profile/describe.ts");
  const checked: { profile: string; findings: ReturnType<typeof examineProfile>["findings"] }[] = [];
  for (const name of names) {
    const json = await readProfileJson(await profilePath(name));
    checked.push({ profile: name, findings: examineProfile(json).findings });
  }
  await print(format, {
    tables: checked.map(({ profile, findings }) => {
      const count = `${findings.length} finding${findings.length === 1 ? "" : "s"}`;
      return tableOf({
        ...findingTable(findings),
        title: `${profile}: ${findings.length === 0 ? "nothing found" : count}`,
      });
    }),
    json: { schema: "canopy/profile-check/1", profiles: checked },
  });
  const refused = checked.filter(({ findings }) => findings.some(({ level }) => level === "error"));
  if (refused.length > 0) throw new ExitWith(2);
}
