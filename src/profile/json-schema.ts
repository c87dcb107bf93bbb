import { z } from "zod";
import { PROFILE_SCHEMA_ID, profileSchema } from "./schema.ts";

/** JSON Schema (2020-12) of {@link PROFILE_SCHEMA_ID}, published as `docs/schema/profile.schema.json`. */
export function profileJsonSchema(): object {
  const { $schema, ...rest } = z.toJSONSchema(profileSchema, { io: "input" });
  return {
    $schema,
    title: PROFILE_SCHEMA_ID,
    description:
      "What one replica of a serving engine takes in time, memory and power. Rules between fields: docs/profiles.md.",
    ...rest,
  };
}
