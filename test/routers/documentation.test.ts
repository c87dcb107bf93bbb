import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { listRouters } from "../../src/routers/registry.ts";

const page = readFileSync(new URL("../../docs/routers.md", import.meta.url), "utf8");
const rows = page.split("\n").filter((line) => line.startsWith("| `"));
const inTicks = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map((match) => match[1]);

test.each(listRouters().map((d) => [d.id, d] as const))(
  "docs/routers.md has %s, its status and group",
  (id, d) => {
    const row = rows.find((line) => inTicks(line.split("|")[1])[0] === id);
    expect(row?.split("|").map((cell) => cell.trim())).toEqual(expect.arrayContaining([d.status, d.group]));
    expect(inTicks(row?.split("|")[1] ?? "")).toEqual([id, ...(d.aliases ?? [])]);
  },
);

test.each(listRouters().map((d) => [d.id, d] as const))("docs/routers.md has the defaults of %s", (_, d) => {
  for (const [name, value] of Object.entries(d.parameters.parse({}) as object)) {
    const shown = typeof value === "string" ? value : JSON.stringify(value);
    const found = rows.some((line) => {
      const cells = line.split("|");
      return inTicks(cells[1])[0] === name && cells.slice(2, 4).some((cell) => inTicks(cell)[0] === shown);
    });
    expect([name, shown, found]).toEqual([name, shown, true]);
  }
});

test("docs/routers.md shows the example as it is", () => {
  const example = readFileSync(new URL("../../harness/examples/my-router.ts", import.meta.url), "utf8");
  const code = example.slice(example.indexOf("import"));
  expect(page).toContain(`\`\`\`ts\n${code}\`\`\``);
});
