import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { UserError } from "../../../src/errors.ts";
import { chooseDense } from "../../../src/learning/dense/choose-dense.ts";
import { nativeDense } from "../../../src/learning/dense/native-dense.ts";
import { ofAddon, testWithAddon } from "../../native/with-addon.ts";

const native = nativeDense();
afterEach(() => vi.unstubAllEnvs());

test("typescript needs no addon", () => {
  expect(chooseDense("typescript")).toMatchObject({ backend: "typescript", isa: "none" });
});

test("auto takes the addon exactly where it loads", () => {
  expect(chooseDense().backend).toBe(native.state === "loaded" ? "native" : "typescript");
});

test("a missing addon is absent, with the remedy", () => {
  expect(nativeDense(join(tmpdir(), "no-such-folder", "canopy_native.node"))).toMatchObject({
    state: "absent",
    remedy: expect.any(String),
  });
});

test("native without the addon is a user's error", () => {
  vi.stubEnv("CANOPY_ADDON", join(tmpdir(), "no-such-folder", "canopy_native.node"));
  expect(() => chooseDense("native")).toThrow(UserError);
});

testWithAddon(ofAddon("an instruction set can be forced; an unknown one is refused"), () => {
  expect(chooseDense("native", "baseline").isa).toBe("baseline");
  expect(() => chooseDense("native", "avx1024")).toThrow(
    expect.objectContaining({ code: "CANOPY_DENSE_ISA", message: expect.stringContaining("baseline") }),
  );
});
