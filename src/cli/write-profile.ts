import type { Profile } from "../profile/schema.ts";
import { type OutputFormat, print } from "./output.ts";
import { profileView } from "./profile-view.ts";

/**
 * Checks a profile that was measured here, writes it and shows it.
 *
 * @param remarks lines for people, after the file is there
 * @throws UserError as `parseProfile`, before anything is written
 */
export async function writeProfile(
  made: Profile,
  out: string,
  format: OutputFormat,
  remarks: readonly string[],
): Promise<void> {
  const { writeFileAtomically } = await import("../files.ts");
  const { parseProfile } = await import("../profile/load.ts");
  const { profileText } = await import("../profile/profile-text.ts");
  const { profile, warnings } = parseProfile(made, out);
  await writeFileAtomically(out, profileText(profile));
  process.stderr.write(`profile written to ${out}\n`);
  for (const remark of remarks) process.stderr.write(`${remark}\n`);
  await print(format, await profileView(profile, warnings));
}
