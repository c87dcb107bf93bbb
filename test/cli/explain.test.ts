import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { command, SMALL, workFolder } from "./canopy.ts";

let cwd: string;
beforeAll(async () => {
  cwd = workFolder({ "small.yaml": SMALL });
  const args = [
    "run",
    "small.yaml",
    "--workers",
    "0",
    "--out",
    "found",
    "--requests-out",
    "all.csv",
    "--quiet",
  ];
  expect((await command(args, { cwd })).code).toBe(0);
}, 60_000);

/** Rows of all.csv by column. */
function records(): Record<string, string>[] {
  const [header, ...lines] = readFileSync(join(cwd, "all.csv"), "utf8").trimEnd().split("\n");
  const names = header.split(",");
  return lines.map((line) => Object.fromEntries(line.split(",").map((cell, i) => [names[i], cell])));
}

describe("canopy explain", () => {
  test.each([["small.yaml"], ["found"], ["found/result.json"]])(
    "a request of %s: its facts are those of the request records",
    async (place) => {
      const args = ["explain", place, "17", "--router", "least-loaded", "--seed", "2", "--format", "json"];
      const { code, stdout, stderr } = await command(args, { cwd });
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      const { schema, run, request, endpoints } = JSON.parse(stdout);
      expect(schema).toBe("canopy/explanation/1");
      expect(run).toMatchObject({ router: "least-loaded", seed: 2, requests: 60 });
      expect(endpoints.map(({ name }: { name: string }) => name)).toEqual(["a", "b"]);
      const record = records().find(
        (row) => row["router"] === "least-loaded" && row["seed"] === "2" && row["request_id"] === "17",
      );
      expect(String(request.finishedSeconds)).toBe(record?.["finished_s"]);
      expect(request.decisions).toMatchObject([{ kind: "placed", endpoint: record?.["endpoint"] }]);
      expect(request.decisions[0].scores.filter((score: number | null) => score !== null)).toHaveLength(2);
    },
  );

  test("for people: facts, decisions with their scores, what happened", async () => {
    const { code, stdout } = await command(["explain", "small.yaml", "5", "--router", "least-loaded"], {
      cwd,
    });
    expect(code).toBe(0);
    for (const words of [
      "Request 5 of 60 under least-loaded",
      "What the router decided about it",
      "Scores of decision 1",
      "chosen",
      "prefill starts",
      "first token",
    ]) {
      expect(stdout).toContain(words);
    }
  });

  test("a trace of a window and one of a request's time", async () => {
    const args = [
      "explain",
      "small.yaml",
      "--router",
      "round-robin",
      "--trace",
      "window.json",
      "--from",
      "1",
      "--to",
      "2",
    ];
    const window = await command([...args, "--format", "json"], { cwd });
    expect(window.code).toBe(0);
    const { requests, events, fromSeconds, toSeconds } = JSON.parse(window.stdout);
    expect([fromSeconds, toSeconds]).toEqual([1, 2]);
    const written = JSON.parse(readFileSync(join(cwd, "window.json"), "utf8"));
    expect(written.traceEvents).toHaveLength(events);
    expect(written.otherData).toMatchObject({ requests, from_s: 1, to_s: 2 });

    const own = await command(
      ["explain", "small.yaml", "9", "--router", "round-robin", "--trace", "own.json", "--format", "json"],
      { cwd },
    );
    const { request } = JSON.parse(own.stdout);
    const { otherData } = JSON.parse(readFileSync(join(cwd, "own.json"), "utf8"));
    expect(otherData).toMatchObject({ from_s: request.arrivalSeconds, to_s: request.finishedSeconds });
  });

  test("--most ends a trace early and says so", async () => {
    const ended = await command(
      ["explain", "small.yaml", "--router", "round-robin", "--trace", "few.json", "--most", "10"],
      { cwd },
    );
    expect(ended.code).toBe(0);
    expect(ended.stderr).toContain("few.json: 10 requests");
    expect(ended.stderr).toContain("it ends there because of --most 10");
  });

  test.each([
    [
      "a request beyond the run",
      ["small.yaml", "60", "--router", "round-robin"],
      "CANOPY_EXPLAIN_REQUEST",
      "0 to 59",
    ],
    ["a request that is no number", ["small.yaml", "-3x"], "CANOPY_OPTION_", "-3x"],
    ["several routers", ["small.yaml", "1"], "CANOPY_EXPLAIN_RUN", "--router: round-robin, least-loaded"],
    [
      "an unknown router",
      ["small.yaml", "1", "--router", "round-robbin"],
      "CANOPY_EXPLAIN_RUN",
      'did you mean "round-robin"?',
    ],
    [
      "an unknown seed",
      ["small.yaml", "1", "--router", "round-robin", "--seed", "9"],
      "CANOPY_EXPLAIN_RUN",
      "1, 2, 3",
    ],
    [
      "an unknown point",
      ["small.yaml", "1", "--point", "night"],
      "CANOPY_EXPLAIN_RUN",
      "no point night: it has one point, expected no --point\n",
    ],
    [
      "an unknown start",
      ["small.yaml", "1", "--router", "round-robin", "--start", "2024"],
      "CANOPY_EXPLAIN_RUN",
      "no calendar",
    ],
    ["an unknown key", ["small.yaml", "1", "--only", "xyz"], "CANOPY_RUN_UNKNOWN", "no run has a key"],
    ["neither a request nor a trace", ["small.yaml"], "CANOPY_USAGE", "which request?"],
    ["a window without a trace", ["small.yaml", "1", "--from", "3"], "CANOPY_USAGE", "--trace FILE"],
    [
      "a window that ends before it begins",
      ["small.yaml", "--trace", "x.json", "--from", "3", "--to", "2"],
      "CANOPY_OPTION_VALUE",
      "--to 2",
    ],
    [
      "a window after the run",
      ["small.yaml", "--router", "round-robin", "--trace", "x.json", "--from", "1e6"],
      "CANOPY_EXPLAIN_WINDOW",
      "the run lasts 5.14877 s\n",
    ],
    [
      "overrides of a result",
      ["found", "1", "--router", "round-robin", "--set", "seeds=1"],
      "CANOPY_USAGE",
      "small.yaml",
    ],
    ["a file that is not there", ["smal.yaml", "1"], "CANOPY_FILE_MISSING", 'did you mean "small.yaml"?'],
  ])("refuses %s", async (_, args, code, words) => {
    const ended = await command(["explain", ...args], { cwd });
    expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: "" });
    expect(ended.stderr).toMatch(new RegExp(`^error ${code}[^\\n]+\\n$`));
    expect(ended.stderr).toContain(words);
    expect(existsSync(join(cwd, "x.json"))).toBe(false);
  });

  test("refuses a result whose experiment is another one by now", async () => {
    writeFileSync(join(cwd, "small.yaml"), SMALL.replace("ratePerS: 10", "ratePerS: 11"));
    const ended = await command(["explain", "found", "1", "--router", "round-robin"], { cwd });
    writeFileSync(join(cwd, "small.yaml"), SMALL);
    expect(ended.code).toBe(2);
    expect(ended.stderr).toMatch(
      /^error CANOPY_EXPLAIN_CHANGED: found: the experiment small\.yaml is not what it was/,
    );
  });
});

test("a request that is rejected as it comes: the trace is of the second after it", async () => {
  const rejects = `import { defineRouter, z } from "canopy-bench";
    export default defineRouter({ id: "rejects", summary: "one", family: "user", group: "user", status: "ours", source: "here",
      parameters: z.strictObject({}), create: () => { let host; return { start(_, h) { host = h; },
        arrival(r) { if (r % 2 === 1) host.reject(r, "odd"); else host.place(r, 0); } }; } });`;
  const folder = workFolder({
    "small.yaml": SMALL.replace(/^routers: .*$/m, "routers: [./rejects.ts]"),
    "rejects.ts": rejects,
  });
  const args = ["explain", "small.yaml", "1", "--trace", "trace.json", "--format", "json"];
  const { code, stdout } = await command(args, { cwd: folder });
  expect(code).toBe(0);
  const { request } = JSON.parse(stdout);
  expect(request).toMatchObject({ status: "rejected", reason: "odd" });
  const { otherData } = JSON.parse(readFileSync(join(folder, "trace.json"), "utf8"));
  expect(otherData.from_s).toBe(request.arrivalSeconds);
  expect(otherData.to_s).toBe(request.arrivalSeconds + 1);
});
