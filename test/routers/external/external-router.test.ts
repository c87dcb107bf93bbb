import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { Router } from "../../../src/routers/contract.ts";
import { readAction } from "../../../src/routers/external/actions.ts";
import { external } from "../../../src/routers/external/definition.ts";
import { externalParameters } from "../../../src/routers/external/parameters.ts";
import { createRouter, findRouter } from "../../../src/routers/registry.ts";
import { simulate } from "../../../src/simulator/simulate.ts";
import { type RunParts, runParts } from "../../oracle/build.ts";
import { temporaryFolder } from "../../temporary-folder.ts";
import { cedarTiers } from "../fake-host.ts";
import { suiteEndpoints, suiteRegions, suiteRows } from "../suite-rows.ts";

const SUITE = { endpoints: suiteEndpoints, regions: suiteRegions, trace: { tiers: cedarTiers } };
const FOLDER = fileURLToPath(new URL(".", import.meta.url));
const COMMAND = [process.execPath, "process.mjs"];

/** Runs the suite's requests, or some, under a router in another process. */
async function run(given: object, parts: Partial<RunParts> = {}) {
  const definition = findRouter("external");
  const made = createRouter(definition, { command: COMMAND, ...given }, "test", FOLDER).router as Router;
  try {
    const ended = runParts(simulate, {
      ...SUITE,
      rows: suiteRows(1).slice(0, 200),
      router: made,
      ...parts,
    });
    return { ...ended, router: made };
  } finally {
    await made.stop?.();
  }
}

const placements = ({ sink }: Awaited<ReturnType<typeof run>>) =>
  sink.placements.map(({ id, endpoint }) => `${id}>${endpoint}`);

/** The fewest outstanding requests, ties by index: what the process does, inside. */
function inside(): Router {
  let world: Parameters<Router["start"]>[0];
  let host: Parameters<Router["start"]>[1];
  return {
    needs: { telemetry: true },
    start: (w, h) => {
      [world, host] = [w, h];
    },
    arrival: (request) => {
      const { outstanding } = world.telemetry;
      const may = (e: number) => world.endpoints.large[e] >= world.requests.needsLarge[request];
      const all = [...outstanding.keys()].filter(may);
      host.place(
        request,
        all.reduce((best, e) => (outstanding[e] < outstanding[best] ? e : best)),
      );
    },
  };
}

describe("a router in another process", () => {
  test("decides as the same rule inside, one frame for each request, and leaves nothing behind", async () => {
    const before = readdirSync(tmpdir()).filter((name) => name.startsWith("canopy-external-"));
    const ended = await run({});
    const own = runParts(simulate, {
      ...SUITE,
      rows: suiteRows(1).slice(0, 200),
      router: inside(),
    });
    expect(placements(ended)).toEqual(own.sink.placements.map(({ id, endpoint }) => `${id}>${endpoint}`));
    const trips = ended.router.roundTrips?.();
    expect(trips?.count).toBe(200);
    expect(trips?.meanMicroseconds).toBeGreaterThan(0);
    expect(trips?.p99Microseconds).toBeGreaterThan(0);
    const after = readdirSync(tmpdir()).filter((name) => name.startsWith("canopy-external-"));
    expect(after.filter((name) => !before.includes(name))).toEqual([]);
  });

  test("gets all that waits in one frame at a tick, and decides in its order", async () => {
    const { router, totals } = await run({ decide: "tick", dispatchSeconds: 0.5 });
    expect(totals.finished).toBe(200);
    // 200 requests at about 30 a second come within 14 ticks.
    const frames = router.roundTrips?.().count ?? 0;
    expect(frames).toBeGreaterThan(5);
    expect(frames).toBeLessThan(16);
  });

  test("may hold on purpose: the requests come again at every tick until it places them", async () => {
    const { sink, totals } = await run({ options: { mode: "patient" }, dispatchSeconds: 0.25 });
    expect(totals.finished).toBe(200);
    expect(totals.deferred).toBe(200);
    const rows = suiteRows(1);
    const waits = sink.placements.map(({ id, atSeconds }) => atSeconds - (rows[id].arrival ?? 0));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...waits)).toBeLessThan(1.25 + 1e-9);
  });

  test("sees each request again that is lost with its endpoint, and what the fleet does", async () => {
    const faults = [
      { atSeconds: 2, endpoint: 0, kind: "down" as const },
      { atSeconds: 4, endpoint: 0, kind: "up" as const },
    ];
    const { totals } = await run({ options: { mode: "events" }, completions: true }, { faults });
    expect(totals.finished).toBe(200);
    expect(totals.rejected).toBe(0);
  });

  test("may be sent fewer columns, and none", async () => {
    const short = await run({ telemetry: ["outstanding", "up"] });
    expect(short.totals.finished).toBe(200);
    await expect(run({ telemetry: [] })).rejects.toThrow(
      /ended before it answered; its standard error ends: TypeError: .*undefined/,
    );
  });
});

test("a thread that is ended while it opens pipes leaves a folder, which goes with the process", () => {
  const bin = temporaryFolder("bin");
  const folder = temporaryFolder("pipes");
  writeFileSync(join(bin, "mkfifo"), "#!/bin/sh\nsleep 0.5\nexit 1\n", { mode: 0o755 });
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [fileURLToPath(new URL("ended-thread.mjs", import.meta.url))],
    { encoding: "utf8", env: { ...process.env, TMPDIR: folder, PATH: `${bin}:${process.env["PATH"]}` } },
  );
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout: expect.stringMatching(/^\["canopy-external-[^"]+"\]\n$/),
    stderr: "",
  });
  expect(readdirSync(folder).filter((name) => name.startsWith("canopy-external-"))).toEqual([]);
});

describe("a process that goes wrong ends the run with one line that names router, frame and time", () => {
  const failing = async (options: object, given: object = {}) => {
    const error = await run({ options, ...given }).then(
      () => undefined,
      (thrown: Error & { code?: string }) => thrown,
    );
    expect(error?.message).not.toContain("\n");
    return [
      error?.code,
      error?.message.replace(COMMAND.join(" "), "node process.mjs").replace(/at \S+ s:/, "at T s:"),
    ];
  };
  const name = "external router (node process.mjs), frame 3 at T s";
  const answer = "CANOPY_EXTERNAL_ANSWER";

  test.each([
    [
      "dies",
      "CANOPY_EXTERNAL_ENDED",
      /: the process ended before it answered; its standard error ends: ValueError: no such thing$/,
    ],
    [
      "half",
      "CANOPY_EXTERNAL_ENDED",
      /: the process ended before the answer was whole: only 5 bytes of a frame of 260 came$/,
    ],
    [
      "prints",
      answer,
      /: the answer is no frame: it begins "hello there\\n" \(a process must print nothing but frames/,
    ],
    ["garbage", answer, /: the answer is 2 bytes that are no MessagePack/],
    ["late", answer, /: the answer is to frame 2, expected frame 3$/],
    ["few", answer, /: the answer has 0 actions, expected 1 actions, one for each request$/],
  ])("%s", async (mode, code, message) => {
    const [gotCode, gotMessage] = await failing({ mode });
    expect([gotCode, gotMessage]).toEqual([code, expect.stringMatching(message)]);
    expect(gotMessage?.startsWith(name)).toBe(true);
  });

  test("a second answer to one frame", async () => {
    const [code, message] = await failing({ mode: "twice" });
    expect(code).toBe(answer);
    // It may come with the first, or be taken for the answer to the next.
    expect(message).toMatch(
      /frame 4 at T s: the answer is (a frame that answers none|to frame 3, expected frame 4)$/,
    );
  });

  test.each([
    [99, "places on endpoint 99, expected a whole number from 0 to 5"],
    [1.5, "places on endpoint 1.5, expected a whole number from 0 to 5"],
    ["e1", 'is "e1", expected an endpoint\'s number, null, or a map with endpoint, hold or reject'],
    [{ endpont: 1 }, 'has a key "endpont" (did you mean "endpoint"?)'],
    [{ hold: true, endpoint: 1 }, 'is {"hold":true,"endpoint":1}, expected an endpoint\'s number'],
    [{ reject: "" }, 'rejects for "", expected a reason'],
    [{ endpoint: 1, scores: [1] }, "has scores [1], expected a number or null for each of 6 endpoints"],
  ])("action %j", (action, message) => {
    expect(readAction(action, 6)).toEqual(expect.stringContaining(message));
  });

  test("an action that it cannot have", async () => {
    const [code, got] = await failing({ mode: "action", action: 99 });
    expect([code, got]).toEqual([
      answer,
      `${name}: actions[0] places on endpoint 99, expected a whole number from 0 to 5`,
    ]);
  });

  test("takes too long, for an answer and for the first", async () => {
    const began = performance.now();
    const slow = await failing({ mode: "slow" }, { timeoutSeconds: 0.3 });
    expect(slow).toEqual(["CANOPY_EXTERNAL_TIMEOUT", `${name}: no answer within 0.3 s`]);
    const silent = await failing({ mode: "silent" }, { startTimeoutSeconds: 0.3 });
    expect(silent).toEqual([
      "CANOPY_EXTERNAL_TIMEOUT",
      "external router (node process.mjs), start frame: no answer within 0.3 s",
    ]);
    const scrap = await failing({ mode: "scrap" }, { timeoutSeconds: 0.3 });
    expect(scrap).toEqual([
      "CANOPY_EXTERNAL_TIMEOUT",
      `${name}: no answer within 0.3 s, only 3 bytes, "ok\\n", of the 4 that a frame's length has (a process must print nothing but frames to its standard output)`,
    ]);
    // Whether they have ended when the start frame is written, or after.
    const [brief, usage] = await Promise.all(
      ["y", "usage: router"].map((text) =>
        run({ command: ["printf", text] }).catch(({ code, message }) => [code, message]),
      ),
    );
    expect(brief).toEqual([
      "CANOPY_EXTERNAL_ENDED",
      `external router (printf y), start frame: the process ended before the answer was whole: only 1 byte, "y", of the 4 that a frame's length has (a process must print nothing but frames to its standard output) came`,
    ]);
    expect(usage).toEqual([
      answer,
      `external router (printf usage: router), start frame: the answer is no frame: it begins "usage: router" (a process must print nothing but frames to its standard output)`,
    ]);
    // Killed at once: neither is given the grace of one that ends by itself.
    expect(performance.now() - began).toBeLessThan(30_000);
  });

  test("is no program, or runs in no folder", async () => {
    await expect(run({ command: ["no-such", `one\n${"long ".repeat(100)}`] })).rejects.toMatchObject({
      message: expect.stringMatching(
        /^external router \(no-such one long [long ]{80,110}…\): there is no program/,
      ),
    });
    await expect(run({ command: ["no-such-program-here"] })).rejects.toMatchObject({
      code: "CANOPY_EXTERNAL_START",
      message:
        'external router (no-such-program-here): there is no program "no-such-program-here", or it may not be run',
    });
  });

  test("words that are no path are no file, and no program where the system refuses them", async () => {
    const files = (...command: string[]) => external.files?.(externalParameters.parse({ command }), FOLDER);
    const script = "x".repeat(5000);
    expect(files("node", "-e", script, "process.mjs/x", "a\0b", "process.mjs")).toEqual([
      fileURLToPath(new URL("process.mjs", import.meta.url)),
    ]);
    await expect(run({ command: [process.execPath, "a\0b"] })).rejects.toMatchObject({
      code: "CANOPY_EXTERNAL_START",
      message: expect.stringMatching(/may not be run \(.*null bytes.*\)$/),
    });
  });

  test("a role that the endpoint does not have", async () => {
    const endpoints = suiteEndpoints.map((own, e) => ({
      ...own,
      role: e === 0 ? ("prefill" as const) : ("mixed" as const),
    }));
    const place = (action: unknown) =>
      run(
        { options: { mode: "action", action, at: 1 } },
        { endpoints, rows: [{ arrival: 0.5, prompt: 10, output: 10 }] },
      );
    await expect(place(0)).rejects.toMatchObject({
      code: answer,
      message: expect.stringMatching(
        /frame 1 at 0.5 s: actions\[0\] places a whole request on e0, which has the role prefill/,
      ),
    });
    await expect(place({ endpoint: 0, decodeAt: 1 })).rejects.toMatchObject({
      code: answer,
      message: expect.stringContaining(
        "splits a request over e0 (prefill) and e1 (mixed): expected the roles",
      ),
    });
  });

  test("tells more than anybody reads: the end of it is kept", async () => {
    const { totals } = await run({ options: { mode: "floods" } }, { rows: suiteRows(1).slice(0, 6) });
    expect(totals.finished).toBe(6);
  });

  test("leaves by itself: what it has started goes too", async () => {
    const seconds = `${80_000 + process.pid}`;
    const command = ["sh", "-c", `sleep ${seconds} & exec "$0" process.mjs`, process.execPath];
    expect((await run({ command })).totals.finished).toBe(200);
    const lives = () =>
      execFileSync("ps", ["-eo", "args="], { encoding: "utf8" }).includes(`sleep ${seconds}\n`);
    await expect.poll(lives).toBe(false);
  });

  test("a request that needs the large model on a small one", async () => {
    const rows = [{ arrival: 0.5, prompt: 10, output: 10, needsLarge: true }];
    await expect(run({ options: { mode: "action", action: 5, at: 1 } }, { rows })).rejects.toMatchObject({
      code: answer,
      message: expect.stringContaining("on e5, which has a small one"),
    });
  });

  test("stays when its input has ended: it is killed", async () => {
    const { totals, router } = await run({ options: { mode: "stays", word: "canopy-test-stays" } });
    expect(totals.finished).toBe(200);
    expect(router.roundTrips?.().count).toBe(200);
    const children = execFileSync("ps", ["-o", "args=", "--ppid", `${process.pid}`], { encoding: "utf8" });
    expect(children).not.toContain("process.mjs");
  });
});

/** That of the path, or the system's, for which Debian has the package. */
const python = ["python3", "/usr/bin/python3"].find(
  (name) => spawnSync(name, ["-c", "import msgpack"], { stdio: "ignore" }).status === 0,
);
if (python === undefined) {
  console.info("skipped: the example in Python, since there is no python3 with msgpack here");
}

test.skipIf(python === undefined)(
  "the example in Python decides as the one in TypeScript (needs python3 with msgpack)",
  async () => {
    const examples = fileURLToPath(new URL("../../../harness/examples/", import.meta.url));
    const { loadRouter } = await import("../../../src/routers/load-router.ts");
    const twin = createRouter(await loadRouter("my-router.ts", examples), {}, "test").router as Router;
    const rows = suiteRows(2);
    const parts = { ...SUITE, rows };
    const own = runParts(simulate, { ...parts, router: twin });
    const made = createRouter(
      findRouter("external"),
      { command: [python ?? "python3", "my_router.py"] },
      "test",
      examples,
    );
    const router = made.router as Router;
    try {
      const ended = runParts(simulate, { ...parts, router });
      expect(ended.sink.placements.map(({ endpoint }) => endpoint)).toEqual(
        own.sink.placements.map(({ endpoint }) => endpoint),
      );
      expect(router.roundTrips?.().count).toBe(rows.length);
    } finally {
      await router.stop?.();
    }
  },
);
