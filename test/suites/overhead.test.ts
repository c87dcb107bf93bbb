/** `canopy overhead` as a whole: routers of a user's files whose cost is known. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { OverheadResult } from "../../src/overhead/result.ts";
import { type CanopyOptions, canopy, type Running, start, workFolder } from "../cli/canopy.ts";
import { copyOfProgram } from "./program.ts";

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
    expect(ratio).toBeGreaterThan(2);
    expect(ratio).toBeLessThan(8);
    const { p50Microseconds, p99Microseconds, p999Microseconds, samples } = row("round-robin");
    expect(p50Microseconds).toBeGreaterThan(0);
    expect(p99Microseconds).toBeGreaterThanOrEqual(p50Microseconds ?? 0);
    expect(p999Microseconds).toBeGreaterThanOrEqual(p99Microseconds ?? 0);
    expect(samples).toBeGreaterThan(1000);
    // What the engine does beside it can be a few bytes; a number that is boxed has twelve.
    expect(row("round-robin").bytesPerDecision).toBeLessThan(8);
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
  for (const name of [
    "table.md",
    "table.tex",
    "rows.csv",
    "decision-time.svg",
    "tables.json",
    "manifest.json",
  ])
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

/** Lines of the journal that are whole. */
function journalled(cwd: string): string[] {
  const path = join(cwd, "out/.canopy/store/overhead/runs.jsonl");
  return existsSync(path) ? readFileSync(path, "utf8").split("\n").slice(0, -1) : [];
}

async function untilJournalled({ process: child }: Running, cwd: string, lines: number): Promise<void> {
  while (journalled(cwd).length < lines && child.exitCode === null) await sleep(5);
}

/** Processes whose parent this is. */
function childrenOf(parent: number | undefined): string[] {
  return readdirSync("/proc").filter((pid) => /^\d+$/.test(pid) && statOf(pid)?.[1] === `${parent}`);
}

/** State, parent and the rest; undefined where there is no such process. */
function statOf(pid: string): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

const CELLS = 11;

test("kill -9 and SIGTERM lose the cell under way alone, its process goes too, and the same command does the rest", async () => {
  const cwd = workFolder({ "short.mjs": busy("short", loop(200)) });
  const options: CanopyOptions = { cwd, main: copyOfProgram() };
  const words = ["overhead", "--quick", "--router", "./short.mjs", "greedy-carbon", "--endpoints", "12"];
  const command = [...words, "--load", "0.7", "--out", "out", "--format", "json"];
  const plan = async () => {
    const { code, stdout } = await canopy([...command, "--dry-run"], options);
    expect(code).toBe(0);
    return JSON.parse(stdout) as { cells: number; pending: number; estimatedSeconds: number };
  };
  // The capacity; a state with round robin, the user's router, greedy carbon and the empty one on it; three simulations;
  // the forecasts; a plan.
  const first = await plan();
  expect([first.cells, first.pending]).toEqual([CELLS, CELLS]);
  expect(first.estimatedSeconds).toBeGreaterThan(0);
  expect(existsSync(join(cwd, "out"))).toBe(false);

  const killed = start(command, options);
  await untilJournalled(killed, cwd, 3);
  await sleep(500);
  const children = childrenOf(killed.process.pid);
  killed.process.kill("SIGKILL");
  expect((await killed.ended).code).toBeNull();
  const alive = () => children.filter((pid) => !["Z", undefined].includes(statOf(pid)?.[0]));
  for (let tries = 0; tries < 60 && alive().length > 0; tries++) await sleep(100);
  expect(alive()).toEqual([]);
  const afterKill = journalled(cwd);
  expect(afterKill.length).toBeGreaterThanOrEqual(3);
  expect((await plan()).pending).toBe(CELLS - afterKill.length);

  const stopped = start(command, options);
  await untilJournalled(stopped, cwd, afterKill.length + 2);
  const asked = performance.now();
  stopped.process.kill("SIGTERM");
  const { code, stderr, stdout } = await stopped.ended;
  expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
  expect(performance.now() - asked).toBeLessThan(6000);
  expect(stderr).toMatch(/^interrupted: what is measured is kept in out\/.*:\n {2}canopy overhead --quick /m);
  expect(existsSync(join(cwd, "out/overhead.json"))).toBe(false);
  const afterStop = journalled(cwd);
  expect(afterStop.slice(0, afterKill.length)).toEqual(afterKill);
  expect(afterStop.length).toBeGreaterThanOrEqual(afterKill.length + 2);

  const rest = await canopy(command, options);
  expect(rest.code).toBe(0);
  expect(rest.stderr).toContain(`${CELLS - afterStop.length} of ${CELLS - afterStop.length} cells in `);
  expect(rest.stderr).toContain(`${afterStop.length} of ${CELLS} cells were measured before`);
  const whole = journalled(cwd);
  expect(whole.slice(0, afterStop.length)).toEqual(afterStop);
  expect(whole).toHaveLength(CELLS);
  expect(new Set(whole.map((line) => (JSON.parse(line) as { key: string }).key)).size).toBe(CELLS);
  const result = JSON.parse(rest.stdout) as OverheadResult;
  expect(result.rows).toHaveLength(3 * 3);
  expect(result.rows.filter(({ kind, meanMicroseconds }) => kind === "request" && !meanMicroseconds)).toEqual(
    [],
  );
  expect(result.conditions.reused).toMatchObject({ cells: afterStop.length, of: CELLS });

  // Once all is known, the same figures come back without any measuring.
  const again = await canopy(command, options);
  const figures = ({ states, rows, growth, inSitu, components, plans }: OverheadResult) => {
    return { states, rows, growth, inSitu, components, plans };
  };
  expect(figures(JSON.parse(again.stdout) as OverheadResult)).toEqual(figures(result));
  expect(journalled(cwd)).toEqual(whole);
  expect(await plan()).toMatchObject({ pending: 0, estimatedSeconds: 0 });

  const fresh = start([...command, "--fresh"], options);
  while (journalled(cwd)[0] === whole[0] || journalled(cwd).length === 0) await sleep(5);
  fresh.process.kill("SIGTERM");
  await fresh.ended;
  expect(journalled(cwd).length).toBeLessThan(CELLS);
});
