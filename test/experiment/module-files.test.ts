import { mkdirSync, writeFileSync } from "node:fs";
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
const filesOf = (name: string) =>
  moduleFiles(join(folder, name)).map((path) => path.slice(folder.length + 1));

describe("the files of a user's module", () => {
  test("are the file alone where it imports packages or nothing", () => {
    write({ "alone.ts": 'import { defineRouter } from "canopy-bench";\nexport default defineRouter({});' });
    expect(filesOf("alone.ts")).toEqual(["alone.ts"]);
  });

  test("are what it imports and what that imports, in any way", () => {
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
    expect(filesOf("main.ts")).toEqual([
      "main.ts",
      ...["b.mjs", "c.ts", "later.ts", "parts/a.ts", "table.json", "types.ts"],
    ]);
  });

  test("have the TypeScript beside a script, which may be run in its place", () => {
    write({ "both/index.js": "export default 1;", "both/index.ts": "export default 2;" });
    expect(filesOf("both/index.js")).toEqual(["both/index.js", "both/index.ts"]);
  });

  test("and what that TypeScript imports", () => {
    write({ "twin/two.js": "", "twin/two.ts": 'import "./deep.ts";', "twin/deep.ts": "" });
    expect(filesOf("twin/two.js")).toEqual(["twin/two.js", "twin/deep.ts", "twin/two.ts"]);
  });

  test.each([
    ["a query", 'import "./alone.ts?v=1";'],
    ["a fragment", 'import "./alone.ts#a";'],
    ["a comment before the path", 'import { a } from /* why */ "./alone.ts";'],
    ["a comment inside the brackets", "import(/* @vite-ignore */ './alone.ts')"],
    ["another line", 'import {\r\n  a,\r\n} from\r\n  "./alone.ts";'],
    ["no ending", "export { a } from './alone';"],
    ["the folder above", 'import a from "../module/alone.js";'],
    ["require", 'const a = require("./alone.ts");'],
    ["a require that was made", "const a = ownRequire(`./alone.ts`);"],
    ["a missing file beside it", 'import "./alone.ts"; const later = () => import("./nowhere.ts");'],
    ["what cannot be parsed", 'import "./alone.ts"; const = 1;'],
    ["what is computed beside it", 'import "./alone.ts"; const later = (n) => import("./" + n);'],
    ["data", 'import "./alone.ts"; import "data:text/javascript,export default 1";'],
  ])("are found with %s", (_, text) => {
    write({ "module/alone.ts": "", "module/main.ts": text });
    expect(filesOf("module/main.ts")).toEqual(["module/main.ts", "module/alone.ts"]);
  });

  test("are found in a folder by its index", () => {
    write({ "index/main.ts": 'import "./parts"; import "."; import "./parts/";' });
    write({ "index/parts/index.mjs": 'import "..";', "index/index.ts": "" });
    expect(filesOf("index/main.ts")).toEqual(["index/main.ts", "index/index.ts", "index/parts/index.mjs"]);
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
    const own = { folder, files: [join(folder, "helper.ts")] };
    expect(await routerCode({ file: join(folder, "alone.ts"), own })).toHaveLength(2);
    expect(await routerCode({ file: null, own })).toHaveLength(1);
  });
});
