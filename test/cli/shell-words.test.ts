import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { expect, test } from "vitest";
import { withoutOption, words } from "../../src/cli/shell-words.ts";

test.runIf(process.platform !== "win32")("a shell reads the line back as the same words", () => {
  const word = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom("'", '"', "\\", " ", "$", "`", "\n", "a") }),
  );
  const list = fc.array(
    fc.array(
      word.filter((text) => !text.includes("\0")),
      { minLength: 1 },
    ),
    { minLength: 40, maxLength: 40 },
  );
  fc.assert(
    fc.property(list, (lines) => {
      const script = lines.map((line) => `printf '%s\\0' ${words(line)}; printf '\\1'`).join("\n");
      const read = execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" });
      expect(
        read
          .split("\x01")
          .slice(0, -1)
          .map((line) => line.split("\0").slice(0, -1)),
      ).toEqual(lines);
    }),
    { numRuns: 10 },
  );
});

test("plain words stay as they are", () => {
  expect(words(["canopy", "run", "a.yaml", "--set", "fleet.0.replicas=8"])).toBe(
    "canopy run a.yaml --set fleet.0.replicas=8",
  );
  expect(withoutOption(["run", "--fresh", "a.yaml", "--fresh"], "--fresh")).toEqual(["run", "a.yaml"]);
});
