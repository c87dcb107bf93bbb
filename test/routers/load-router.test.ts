import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Router } from "../../src/routers/contract.ts";
import { isRouterFile, loadRouter, routerFile } from "../../src/routers/load-router.ts";
import { createRouter } from "../../src/routers/registry.ts";
import { FakeHost } from "./fake-host.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "canopy-router-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function load(name: string, text: string) {
  await writeFile(join(folder, name), text);
  return loadRouter(`./${name}`, folder);
}

const failure = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe("loadRouter", () => {
  test("the example of the documentation loads and routes", async () => {
    const file = fileURLToPath(new URL("../../harness/examples/my-router.ts", import.meta.url));
    const definition = await loadRouter(file);
    expect(definition).toMatchObject({ id: "cleanest-grid", family: "user", group: "user" });
    const host = new FakeHost({ endpoints: [{ region: 0 }, { region: 1 }], carbon: [300, 200] });
    host.start(createRouter(definition, { longQueue: 2 }, "test").router as Router);
    for (let i = 0; i < 4; i++) host.arrive();
    // 200 g/kWh until two are outstanding there, then 300 against 2 * 200.
    expect(host.placements.map((p) => p.endpoint)).toEqual([1, 1, 0, 0]);
    expect(() => createRouter(definition, { longQueue: 0 }, "test")).toThrow(
      /longQueue is 0, expected above 0/,
    );
  });

  test("a definition of id and create is enough, and has no parameters", async () => {
    const definition = await load(
      "plain.mjs",
      `export const router = { id: "first", create: () => ({ start(w, h) { this.h = h; }, arrival(r) { this.h.place(r, 0); } }) };`,
    );
    expect(definition).toMatchObject({ id: "first", family: "user", group: "user", source: "./plain.mjs" });
    const host = new FakeHost({ endpoints: [{}, {}] });
    host.start(createRouter(definition, undefined, "test").router as Router);
    host.arrive();
    expect(host.placements).toMatchObject([{ endpoint: 0 }]);
    expect(() => createRouter(definition, { a: 1 }, "x.yaml:2")).toThrow(
      'x.yaml:2: router first: parameter "a" is not known, there are none',
    );
  });

  test("a missing file, a folder, a wrong ending, a file that fails", async () => {
    await writeFile(join(folder, "present.mjs"), "");
    await expect(loadRouter("presnt.mjs", folder)).rejects.toEqual(
      failure(
        "CANOPY_ROUTER_FILE",
        /^router file presnt\.mjs: no such file \(did you mean "present\.mjs"\?\)$/,
      ),
    );
    await expect(loadRouter("nowhere/a.js", folder)).rejects.toEqual(
      failure("CANOPY_ROUTER_FILE", /folder .*nowhere does not exist/),
    );
    await expect(loadRouter(".", folder)).rejects.toEqual(failure("CANOPY_ROUTER_FILE", /is not a file/));
    await expect(load("router.yaml", "")).rejects.toEqual(
      failure("CANOPY_ROUTER_FILE", /expected one that ends in \.ts, \.mts, \.js, \.mjs/),
    );
    await expect(load("broken.mjs", "throw new Error('not today');")).rejects.toEqual(
      failure("CANOPY_ROUTER_FILE", /broken\.mjs: cannot be loaded: not today/),
    );
  });

  test("a file without a definition", async () => {
    await expect(load("none.mjs", "export const other = 1;")).rejects.toEqual(
      failure("CANOPY_ROUTER_EXPORT", /it exports other, expected a default export or one named router/),
    );
    await expect(load("number.mjs", "export default 3;")).rejects.toEqual(
      failure("CANOPY_ROUTER_EXPORT", /the export is a number/),
    );
    await expect(load("unnamed.mjs", "export default { create() {} };")).rejects.toEqual(
      failure("CANOPY_ROUTER_EXPORT", /has no id/),
    );
    await expect(load("empty.mjs", "export default { id: 'x' };")).rejects.toEqual(
      failure("CANOPY_ROUTER_EXPORT", /has no create function/),
    );
    await expect(
      load("schema.mjs", "export default { id: 'x', create() {}, parameters: {} };"),
    ).rejects.toEqual(failure("CANOPY_ROUTER_EXPORT", /not a zod schema/));
  });

  test("the id of a registered router is taken", async () => {
    await expect(load("clash.mjs", "export default { id: 'cedar', create() {} };")).rejects.toEqual(
      failure("CANOPY_ROUTER_CLASH", /the id "cedar" is taken by a router of Canopy/),
    );
  });

  test("an installed package without a file to import says which, one that is not installed is none", async () => {
    const install = async (name: string, about: string) => {
      const root = join(folder, "node_modules", name);
      await mkdir(root, { recursive: true });
      await writeFile(join(root, "package.json"), about);
      await writeFile(join(root, "there.js"), "");
      return () => routerFile(name, folder);
    };
    const ofOther = await install("of-other", JSON.stringify({ exports: { "./other": "./there.js" } }));
    expect(ofOther).toThrow(
      failure("CANOPY_ROUTER_FILE", /router package of-other in .*: its exports name no file .* under "\."$/),
    );
    const lost = await install("lost", JSON.stringify({ main: "dist/lost.js" }));
    expect(lost).toThrow(failure("CANOPY_ROUTER_FILE", /: it has no file dist\/lost\.js, expected the one/));
    const broken = await install("broken", "{");
    expect(broken).toThrow(failure("CANOPY_ROUTER_FILE", /: its package\.json is no JSON, expected/));
    const good = await install("good", JSON.stringify({ exports: "./there.js" }));
    expect(good()).toBe(join(folder, "node_modules", "good", "there.js"));
    expect(routerFile("not-there", folder)).toBeNull();
    expect(routerFile("cedar", folder)).toBeNull();
  });

  test("a word is a file by its ending", () => {
    expect(["./a.ts", "b.mjs", "cedar", "gar/random"].map(isRouterFile)).toEqual([true, true, false, false]);
  });
});
