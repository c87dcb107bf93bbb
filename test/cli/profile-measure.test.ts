import { expect, test } from "vitest";
import { describeWithAddon, ofAddon } from "../native/with-addon.ts";
import { command, workFolder } from "./canopy.ts";

const measure = (...args: string[]) => ["profile", "measure", "--backend", "cpu", "--out", "x.json", ...args];

test("without the addon the way to build it is said", async () => {
  const { code, stderr } = await command(measure("--model", "tiny"), {
    env: { CANOPY_ADDON: "/nonexistent.node" },
  });
  expect(code).toBe(1);
  expect(stderr).toContain("CANOPY_ADDON_ABSENT: measuring a profile needs the native addon");
});

test.each([
  [["--model", "tiny", "--quick", "--publish"], "expected one of them"],
  [["--model", "tiny", "--layers", "4"], "expected two depths, e.g. 4,8"],
  [["--model", "tiny", "--power-model", "60,50,1"], "expected idle watts, peak watts above them"],
  [["--model", "tiny", "--out", "x.txt"], "expected a name that ends in .json"],
])("%j is refused", async (args, message) => {
  const { code, stderr } = await command(measure(...args));
  expect(code).toBe(2);
  expect(stderr).toContain("CANOPY_OPTION_VALUE");
  expect(stderr).toContain(message);
});

test("build says what a file is not", async () => {
  const cwd = workFolder({ "other.msgpack": "hello" });
  const { code, stderr } = await command(["profile", "build", "other.msgpack", "--out", "x.json"], { cwd });
  expect(code).toBe(2);
  expect(stderr).toContain("CANOPY_MEASURE_RAW: other.msgpack: no records of `canopy profile measure`");
});

describeWithAddon(ofAddon("models, depths and clocks"), () => {
  test("an unknown preset has a nearest one; depths and clocks that cannot be had are refused", async () => {
    const wrong = await command(measure("--model", "tinny"));
    expect(wrong).toMatchObject({ code: 2 });
    expect(wrong.stderr).toContain('CANOPY_MEASURE_MODEL: --model tinny is not known (did you mean "tiny"?)');
    const deep = await command(measure("--model", "tiny", "--layers", "4,9"));
    expect(deep.stderr).toContain("--layers 4,9: expected two depths of tiny, which has 6 layers");
    const many = await command(measure("--model", "tiny", "--threads", "100000"));
    expect(many.stderr).toMatch(/--threads 100000: this process may run on \d+ processors/);
    const lock = await command(measure("--model", "tiny", "--lock-clocks", "900"));
    expect(lock.stderr).toContain("CANOPY_MEASURE_CLOCKS: --lock-clocks: only GPUs have clocks");
  });
});
