import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { moduleFiles } from "../../src/experiment/module-files.ts";
import { routerCode } from "../../src/experiment/router-code.ts";
import { temporaryFolder } from "../temporary-folder.ts";

const folder = temporaryFolder("module-files");
const write = (files: Readonly<Record<string, string>>) => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
};
const filesOf = async (name: string) =>
  (await moduleFiles(join(folder, name))).map((path) => path.slice(folder.length + 1));

describe("the files of a user's module", () => {
  test("are the file alone where it imports packages or nothing", async () => {
    write({ "alone.ts": 'import { defineRouter } from "canopy-bench";\nexport default defineRouter({});' });
    expect(await filesOf("alone.ts")).toEqual(["alone.ts"]);
  });

  test("are what it imports and what that imports, in any way, types apart", async () => {
    write({
      "main.ts": `import { a } from "./parts/a.js";
        import type { T } from "./types.ts";
        export * from "./b.mjs";
        const later = () => import("./later.ts");
        import table from "./table.json" with { type: "json" };
        export const x: T = [a, later, table];`,
      "parts/a.ts": 'import { c } from "../c.ts"; export const a = c;',
      "b.mjs": 'import "./c.ts"; export const b = 1;',
      "c.ts": 'import "./main.ts"; import "node:fs"; export const c = 1;',
      "later.ts": "export default 1;",
      "table.json": "[1]",
      "types.ts": "export type T = unknown[];",
      "stranger.ts": "export default 2;",
    });
    expect(await filesOf("main.ts")).toEqual([
      "main.ts",
      ...["b.mjs", "c.ts", "later.ts", "parts/a.ts", "table.json"],
    ]);
  });

  test("have the TypeScript beside a script, which may be run in its place", async () => {
    write({ "both/index.js": "export default 1;", "both/index.ts": "export default 2;" });
    expect(await filesOf("both/index.js")).toEqual(["both/index.js", "both/index.ts"]);
  });

  test("are found behind a link, which is named itself", async () => {
    write({ "real/entry.mjs": 'import "./part.mjs";', "real/part.mjs": "" });
    symlinkSync(join(folder, "real", "entry.mjs"), join(folder, "link.mjs"));
    expect(await filesOf("link.mjs")).toEqual(["link.mjs", "real/part.mjs"]);
  });

  test.each([
    ["a file that is missing", 'import "./nowhere.ts";'],
    ["what cannot be read", 'import "./alone.ts"; const = 1;'],
  ])("are the file alone with %s: whoever loads it says so", async (_, text) => {
    write({ "broken.ts": text });
    expect(await filesOf("broken.ts")).toEqual(["broken.ts"]);
  });

  test("name its code: a string for one file, and another with every change of any", async () => {
    write({
      "router.ts": 'import "./helper.ts"; export default 1;',
      "helper.ts": "export const weight = 1;",
    });
    const code = (name: string) => routerCode({ file: join(folder, name) });
    expect(await code("alone.ts")).toMatch(/^[0-9a-f]{64}$/);
    const before = await code("router.ts");
    expect(before).toHaveLength(2);
    write({ "helper.ts": "export const weight = 2;" });
    expect(await code("router.ts")).not.toEqual(before);
    expect(await routerCode({ file: null })).toBeNull();
  });
});
