import { profileRow } from "../src/profile/describe.ts";
import type { Profile } from "../src/profile/schema.ts";

const START = "<!-- table: written by scripts/make-profiles.ts -->";
const END = "<!-- end of table -->";

/** The README with its table of profiles replaced by that of `profiles`, in order of id. */
export function withProfilesTable(readme: string, profiles: readonly Profile[]): string {
  const start = readme.indexOf(START);
  const end = readme.indexOf(END);
  if (start === -1 || end < start) throw new Error(`the README lacks "${START}" ... "${END}"`);
  return `${readme.slice(0, start)}${START}\n${profilesTable(profiles)}\n${readme.slice(end)}`;
}

function profilesTable(profiles: readonly Profile[]): string {
  const inOrder = profiles.map(profileRow).sort((a, b) => (a.id < b.id ? -1 : 1));
  const rows = inOrder.map((row) => {
    return [
      `\`${row.id}\``,
      row.gpu,
      row.model,
      row.precision,
      row.kvCapacityTokens,
      row.maxModelTokens,
      row.decode,
      row.prefill,
      row.idleWatts,
      row.prefillWatts,
      row.decodeWatts,
    ];
  });
  const head = [
    "id",
    "GPUs of a replica",
    "model",
    "weights",
    "KV tokens",
    "longest sequence",
    "decode ms",
    "prefill ms",
    "idle W",
    "prefill W",
    "decode W",
  ];
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
