import type { Finding } from "../profile/finding.ts";
import type { Profile } from "../profile/schema.ts";
import { type Printed, tableOf } from "./output.ts";

/** What is shown of one profile, with what is odd about it. */
export async function profileView(profile: Profile, warnings: readonly Finding[]): Promise<Printed> {
  const { describeProfile, findingTable } = await import("../profile/describe.ts");
  const tables = describeProfile(profile).map(tableOf);
  if (warnings.length > 0) tables.push(tableOf(findingTable(warnings)));
  return { tables, json: { schema: "canopy/profile-view/1", profile, warnings } };
}
