/** `canopy overhead` as a whole: routers of a user's files whose cost is known. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { OverheadResult } from "../../src/overhead/result.ts";
import { canopy, workFolder } from "../cli/canopy.ts";

const busy = (id: string, loop: string) => `
export default {
  id: "${id}",
  create: () => {
    let host, sum = 0.5, next = 0;
    return {
      needs: { telemetry: true },
      start(world, given) { host = given; },
      arrival(request) {
        ${loop}
        host.place(request, next++ % 4);
      },
    };
  },
};
`;
/** In a local number: one of the closure would be boxed at every turn. */
const loop = (turns: number) =>
  `let own = sum; for (let i = 0; i < ${turns}; i++) own = own * 0.999 + 0.5; sum = own;`;

test("costs are measured in proportion, files are written, bytes of a decision are near none", async () => {
  const cwd = workFolder({ "short.mjs": busy("short", loop(2000)), "long.mjs": busy("long", loop(8000)) });
  const { code, stdout, stderr } = await canopy(
    [
      ...["overhead", "--router", "./short.mjs", "./long.mjs", "round-robin"],
      ...["--endpoints", "12,24,48", "--load", "0.7", "--out", "out", "--format", "json"],
    ],
    { cwd },
  );
  expect({ code, failed: stderr.includes("failed") }).toEqual({ code: 0, failed: false });
  const result = JSON.parse(stdout) as OverheadResult;
  expect(result.schema).toBe("canopy/overhead/1");
  expect(result.states.map(({ endpoints }) => endpoints)).toEqual([12, 24, 48]);
  expect(result.rows).toHaveLength(3 * 3 * 3);
  for (const endpoints of [12, 24, 48]) {
    const row = (router: string) => {
      const found = result.rows.find(
        (one) => one.router === router && one.kind === "request" && one.endpoints === endpoints,
      );
      if (found === undefined) throw new Error(`no row of ${router}`);
      return found;
    };
    const ratio = (row("long").netMicroseconds ?? 0) / (row("short").netMicroseconds ?? 1);
    expect(ratio).toBeGreaterThan(2.5);
    expect(ratio).toBeLessThan(6);
    const { p50Microseconds, p99Microseconds, p999Microseconds, samples } = row("round-robin");
    expect(p50Microseconds).toBeGreaterThan(0);
    expect(p99Microseconds).toBeGreaterThanOrEqual(p50Microseconds ?? 0);
    expect(p999Microseconds).toBeGreaterThanOrEqual(p99Microseconds ?? 0);
    expect(samples).toBeGreaterThan(1000);
    expect(row("round-robin").bytesPerDecision).toBeLessThan(2);
    expect(row("round-robin").timesRoundRobin).toBe(1);
  }
  const law = result.growth.find(({ router, kind }) => router === "long" && kind === "request");
  expect(Math.abs(law?.exponent ?? 9)).toBeLessThan(0.4);
  const [plain] = result.inSitu;
  expect(plain.router).toBe("round-robin");
  expect(plain.share).toBeGreaterThan(0);
  expect(plain.share).toBeLessThan(1);
  const share = (router: string) => result.inSitu.find((row) => row.router === router)?.share ?? 0;
  expect(share("long")).toBeGreaterThan(share("short"));
  expect(JSON.parse(readFileSync(join(cwd, "out/overhead.json"), "utf8"))).toEqual(result);
  for (const name of ["table.md", "table.tex", "rows.csv", "decision-time.svg", "manifest.json"])
    expect(readFileSync(join(cwd, "out", name), "utf8")).not.toBe("");
});

test("a router that takes too long is cut, and it is said where and why", async () => {
  const cwd = workFolder({
    "endless.mjs": busy("endless", "for (;;) sum = sum * 0.999 + 0.5;"),
  });
  const { code, stdout, stderr } = await canopy(
    [
      ...["overhead", "--quick", "--router", "./endless.mjs", "greedy-carbon"],
      ...["--endpoints", "12", "--cap", "6", "--format", "json"],
    ],
    { cwd },
  );
  expect(code).toBe(0);
  expect(stderr).toContain("endless, request, 12 endpoints, load 0.7: cut after 6 s");
  const { rows, plans } = JSON.parse(stdout) as OverheadResult;
  const cut = rows.filter(({ router }) => router === "endless");
  expect(cut.map(({ meanMicroseconds, reason }) => [meanMicroseconds, reason])).toEqual(
    Array(3).fill([null, "cut after 6 s"]),
  );
  expect(plans).toMatchObject([{ router: "greedy-carbon", sites: 4, step: "plan", reason: null }]);
  expect(plans[0].p50Milliseconds).toBeGreaterThan(0);
});
