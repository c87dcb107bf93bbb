import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { command, workFolder } from "./canopy.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

test("every error code of the code stands on the page of errors, and no other", () => {
  const source = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => /\.(ts|mjs)$/.test(file))
    .map((file) => read(join("src", file)))
    .join("\n");
  const variables = ["CANOPY_DATA", "CANOPY_CACHE"];
  const used = [...source.matchAll(/"(CANOPY_[A-Z0-9_]+)"/g)].map(([, code]) => code);
  const codes = new Set(used.filter((code) => !variables.includes(code)));
  const listed = [...read("docs/reference/exit-codes-and-errors.md").matchAll(/^\| `(CANOPY_[A-Z0-9_]+)`/gm)];
  expect(listed.map(([, code]) => code).sort()).toEqual([...codes].sort());
});

test("the README's table names every command", () => {
  const readme = read("README.md");
  for (const command of createProgram().commands) {
    for (const words of command.commands.length === 0
      ? [command.name()]
      : command.commands.map((sub) => `${command.name()} ${sub.name()}`)) {
      expect(readme).toContain(`\`canopy ${words}`);
    }
  }
});

test("the README's router and experiment work as they stand there", async () => {
  const block = (heading: string, language: string) => {
    const section = read("README.md").split(`## ${heading}\n`)[1];
    return new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(section)?.[1] ?? "";
  };
  const router = block("Is your router better?", "ts");
  expect(read("harness/examples/my-router.ts").endsWith(router)).toBe(true);
  expect(router).not.toBe("");
  const cwd = workFolder({
    "my-router.ts": router,
    "smallest.yaml": block("The smallest experiment", "yaml"),
  });
  const routers = /^routers: (.*)$/m.exec(block("Is your router better?", "yaml"))?.[1];
  const { code, stdout } = await command(
    [
      "run",
      "smallest.yaml",
      "--set",
      `routers=${routers}`,
      "--seeds",
      "1",
      "--format",
      "json",
      "--quiet",
      "--workers",
      "1",
    ],
    { cwd },
  );
  expect(code).toBe(0);
  const rows = JSON.parse(stdout).rows as { router: string; metrics: Record<string, { mean: number }> }[];
  expect(rows.map((row) => row.router)).toEqual([
    "round-robin",
    "least-loaded",
    "cedar-heuristic",
    "my-router",
  ]);
  for (const { metrics } of rows) expect(metrics["finished"].mean).toBe(500);
});
