import { describe, expect, test } from "vitest";
import { type ReadTraceOptions, readTrace } from "../../../src/workload/read/read-trace.ts";
import { columnsOf } from "../rows.ts";
import { failure, temporaryFiles } from "./files.ts";

const files = temporaryFiles();
const read = (content: string, options?: ReadTraceOptions, name = "trace.csv") =>
  readTrace(files.write(name, content), options);
const refused = (content: string, options?: ReadTraceOptions, name?: string) =>
  failure(read(content, options, name));

describe("azure", () => {
  const head = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n";

  test("times count from the first request, to the seventh digit, over midnight", async () => {
    const trace = await read(
      `${head}2023-11-16 23:59:59.5000001,4808,10\r\n2023-11-17 00:00:00.0000002,3180,8\r\n2023-11-17 00:00:01.7500001,110,27`,
    );
    const { arrivalSeconds, promptTokens, outputTokens } = columnsOf(trace);
    expect(arrivalSeconds[0]).toBe(0);
    expect(arrivalSeconds[1]).toBeCloseTo(0.5000001, 9);
    expect(arrivalSeconds[2]).toBeCloseTo(2.25, 9);
    expect(promptTokens).toEqual([4808, 3180, 110]);
    expect(outputTokens).toEqual([10, 8, 27]);
    expect(trace.name).toBe("trace");
    expect(trace.notes).toEqual({ rowsRead: 3 });
    expect(trace.tiers).toEqual([
      { name: "default", sloSeconds: Number.POSITIVE_INFINITY, deferrable: false },
    ]);
  });

  test("the 2024 traces' times with an offset", async () => {
    const trace = await read(
      `${head}2024-05-10 00:00:00.009930+00:00,1,2\n2024-05-10 00:00:01.009930+00:00,3,4\n`,
    );
    expect(columnsOf(trace).arrivalSeconds).toEqual([0, 1]);
  });

  test("a time that is none", async () => {
    expect(await refused(`${head}2023-11-16 18:17:03,1,2\n16.11.2023,1,2\n`)).toBe(
      'CANOPY_TRACE_VALUE trace.csv, line 3, column "TIMESTAMP": "16.11.2023" is not a time such as 2023-11-16 18:17:03.9799600',
    );
  });
});

describe("burstgpt", () => {
  const rows =
    "5,ChatGPT,472,18,490,Conversation log\n45,GPT-4,1087,0,1087,Conversation log\n118,GPT-4,417,276,693,API log\n";

  test("drops failures with a count; log types are task types; named models are large", async () => {
    const trace = await read(
      `Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n${rows}`,
      { largeModels: ["GPT-4"] },
    );
    expect(trace.notes).toEqual({ rowsRead: 3, droppedEmpty: 1 });
    expect(trace.taskTypes).toEqual(["Conversation log", "API log"]);
    expect(columnsOf(trace)).toMatchObject({
      arrivalSeconds: [5, 118],
      promptTokens: [472, 417],
      outputTokens: [18, 276],
      needsLarge: [0, 1],
      taskType: [0, 1],
    });
    expect(trace.columns.session).toBeUndefined();
  });

  test("the later layout with sessions", async () => {
    const trace = await read(
      "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n" +
        "1.5,,2.1,ChatGPT,10,20,30,API log\n2.5,77,2.1,ChatGPT,10,20,30,Conversation log\n",
    );
    expect(columnsOf(trace)).toMatchObject({ arrivalSeconds: [1.5, 2.5], session: [-1, 77] });
  });
});

describe("mooncake", () => {
  test("JSON Lines: milliseconds, and the prefix that an unlimited cache would hold", async () => {
    const lines = [
      { timestamp: 0, input_length: 1200, output_length: 52, hash_ids: [0, 1, 2] },
      { timestamp: 3000, input_length: 1800, output_length: 26, hash_ids: [0, 1, 3, 4] },
      { timestamp: 3001, input_length: 1100, output_length: 5, hash_ids: [0, 1, 3] },
      { timestamp: 3001.5, input_length: 600, output_length: 5, hash_ids: [9, 1] },
    ];
    const trace = await read(`${lines.map((line) => JSON.stringify(line)).join("\n")}\n`, {}, "trace.jsonl");
    expect(columnsOf(trace)).toMatchObject({
      arrivalSeconds: [0, 3, 3.001, 3.0015],
      promptTokens: [1200, 1800, 1100, 600],
      outputTokens: [52, 26, 5, 5],
      // Leading blocks seen before: none, [0, 1], [0, 1, 3] (more than the prompt), none.
      prefixTokens: [0, 1024, 1100, 0],
    });
  });

  test("the CSV reduction", async () => {
    const trace = await read(
      "timestamp_ms,input_tokens,output_tokens,prefix_blocks,reused_prefix_blocks\n0,1200,52,3,0\n3000,1800,26,4,2\n",
    );
    expect(columnsOf(trace)).toMatchObject({ arrivalSeconds: [0, 3], prefixTokens: [0, 1024] });
  });

  test("broken lines", async () => {
    const good = '{"timestamp": 0, "input_length": 1, "output_length": 2}\n';
    expect(await refused(`${good}{"timestamp": 1,\n`, {}, "trace.jsonl")).toBe(
      'CANOPY_TRACE_VALUE trace.jsonl, line 2: not a JSON object, expected {"timestamp": …, "input_length": …, "output_length": …}',
    );
    expect(
      await refused(`${good}{"timestamp": 1, "input_length": 2.5, "output_length": 2}`, {}, "trace.jsonl"),
    ).toBe(
      'CANOPY_TRACE_VALUE trace.jsonl, line 2: "input_length" is 2.5, expected a whole number of tokens',
    );
    expect(await refused(`${good}{"timestamp": 1, "input_length": 2}`, {}, "trace.jsonl")).toBe(
      'CANOPY_TRACE_VALUE trace.jsonl, line 2: "output_length" is undefined, expected a whole number of tokens',
    );
  });
});

describe("agent sessions", () => {
  const content = [
    "session,agent,seq,t_s,model,input_tokens,output_tokens,cached_prefix_tokens,api_time_s,think_time_s,stop",
    "0001,main,0,0.0,big,1000,50,0,4.0,0.0,tool_use",
    "0001,main,1,19.0,big,1200,60,1000,5.0,12.0,tool_use",
    "0001,sub1,0,0.0,small,300,20,0,1.0,0.0,tool_use",
    "0001,sub1,1,6.0,small,400,20,300,,3.0,tool_use",
    "0001,sub1,0,0.0,small,310,20,0,1.0,0.0,tool_use",
    "0001,main,2,30.0,big,1400,70,1200,,,end_turn",
    "0002,main,0,0.0,small,500,0,0,1.0,0.0,",
    "0002,main,1,7.0,small,600,9,500,1.0,2.0,",
    "0002,main,2,9.0,small,700,9,600,1.0,2.0,",
  ].join("\n");

  test("main steps depend on each other; sessions start by a seeded Poisson process", async () => {
    const trace = await read(content, { sessionsPerSecond: 1e-9, largeModels: ["big"] });
    const rows = columnsOf(trace);
    expect(rows).toMatchObject({
      promptTokens: [1000, 1200, 1400, 600, 700],
      outputTokens: [50, 60, 70, 9, 9],
      session: [1, 1, 1, 2, 2],
      step: [0, 1, 2, 0, 1],
      // The third has none: gap 11 s less the 5 s that the step before took.
      thinkSeconds: [0, 12, 6, 0, 2],
      // The first step of a session has nothing to reuse, also when it was the second of the file.
      prefixTokens: [0, 1000, 1200, 0, 600],
      needsLarge: [1, 1, 1, 0, 0],
    });
    expect(rows.arrivalSeconds.map(Number.isNaN)).toEqual([false, true, true, false, true]);
    expect(trace.notes).toEqual({ rowsRead: 9, droppedSubAgents: 3, droppedEmpty: 1, thinkDerived: 1 });
    const again = await read(content, { sessionsPerSecond: 1e-9, largeModels: ["big"] });
    expect(again.sha256).toBe(trace.sha256);
    expect((await read(content, { sessionsPerSecond: 1e-9, seed: 2 })).columns.arrivalSeconds[0]).not.toBe(
      rows.arrivalSeconds[0],
    );
  });

  test("recorded times instead of dependence", async () => {
    const { arrivalSeconds } = columnsOf(await read(content, { sessionsPerSecond: 1e-9, dependent: false }));
    const starts = columnsOf(await read(content, { sessionsPerSecond: 1e-9 })).arrivalSeconds;
    // The second session's first step was dropped: its second one came 7 s later.
    [0, 19, 30].forEach((offset, i) => {
      expect(arrivalSeconds[i]).toBe(starts[0] + offset);
    });
    expect(arrivalSeconds[4] - arrivalSeconds[3]).toBeCloseTo(2, 6);
  });

  test("all agents: each run of one is a session that starts at its parent's last step", async () => {
    const rows = columnsOf(await read(content, { sessionsPerSecond: 1e-9, agents: "all" }));
    const start = rows.arrivalSeconds[0];
    expect(rows.promptTokens).toEqual([1000, 1200, 1400, 300, 400, 310, 600, 700]);
    expect(rows.arrivalSeconds[3]).toBe(start + 19);
    expect(rows.arrivalSeconds[5]).toBe(start + 19);
    expect(new Set([rows.session[0], rows.session[3], rows.session[5], rows.session[6]]).size).toBe(4);
  });
});

describe("generic", () => {
  test("the three columns, in any order, among others", async () => {
    const trace = await read("output_tokens,note,arrival_s,prompt_tokens\n5,x,0.25,100\n6,y,0.5,200\n");
    expect(columnsOf(trace)).toEqual({
      arrivalSeconds: [0.25, 0.5],
      promptTokens: [100, 200],
      outputTokens: [5, 6],
      tier: [0, 0],
      needsLarge: [0, 0],
    });
  });

  test("a map of column names", async () => {
    const trace = await read("when,in,out\n1,2,3\n", {
      columns: { arrival_s: "when", prompt_tokens: "in", output_tokens: "out" },
    });
    expect(columnsOf(trace)).toMatchObject({ arrivalSeconds: [1], promptTokens: [2], outputTokens: [3] });
  });

  test("every optional column", async () => {
    const trace = await read(
      "arrival_s,prompt_tokens,output_tokens,tier,session,step,think_s,prefix_tokens,endpoint,task_type,needs_large\n" +
        "0,10,1,HIGH,a,0,,0,r1,code,1\n" +
        ",20,2,HIGH,a,1,1.5,11,r0,code,true\n" +
        "1,30,3,LOW,9,0,0,,,chat,0\n" +
        "2,40,4,LOW,,,,,r1,chat,\n",
    );
    expect(trace.tiers.map((tier) => tier.name)).toEqual(["HIGH", "LOW"]);
    expect(trace.taskTypes).toEqual(["code", "chat"]);
    expect(trace.endpointNames).toEqual(["r1", "r0"]);
    expect(columnsOf(trace)).toEqual({
      arrivalSeconds: [0, Number.NaN, 1, 2],
      promptTokens: [10, 20, 30, 40],
      outputTokens: [1, 2, 3, 4],
      tier: [0, 0, 1, 1],
      session: [2 ** 52, 2 ** 52, 9, -1],
      step: [0, 1, 0, 0],
      thinkSeconds: [0, 1.5, 0, 0],
      prefixTokens: [0, 11, 0, 0],
      endpoint: [0, 1, -1, 0],
      taskType: [0, 0, 1, 1],
      needsLarge: [1, 1, 0, 0],
    });
  });

  test("given tiers keep their order and objectives", async () => {
    const tiers = [
      { name: "HIGH", sloSeconds: 0.5, deferrable: false },
      { name: "LOW", sloSeconds: 5, deferrable: true },
    ];
    const content = "arrival_s,prompt_tokens,output_tokens,tier\n0,1,1,LOW\n1,1,1,HIGH\n";
    const trace = await read(content, { tiers });
    expect(trace.tiers).toEqual(tiers);
    expect(columnsOf(trace).tier).toEqual([1, 0]);
    expect(await refused(`${content}2,1,1,LWO\n`, { tiers })).toBe(
      'CANOPY_TRACE_VALUE trace.csv, line 4, column "tier": "LWO" is not a known name (did you mean "LOW"?)',
    );
  });

  test("more than eight names in a column", async () => {
    const rows = Array.from({ length: 60 }, (_, i) => `${i},1,1,e${(i * 7) % 20}`);
    const trace = await read(`arrival_s,prompt_tokens,output_tokens,endpoint\n${rows.join("\n")}\n`);
    const { endpoint } = columnsOf(trace);
    expect(endpoint.map((e) => trace.endpointNames[e])).toEqual(rows.map((row) => row.split(",")[3]));
  });

  test("steps are counted where the file does not number them", async () => {
    const trace = await read(
      "arrival_s,prompt_tokens,output_tokens,session\n0,1,1,7\n1,1,1,8\n2,1,1,7\n3,1,1,7\n4,1,1,8\n",
    );
    expect(columnsOf(trace).step).toEqual([0, 0, 1, 2, 1]);
  });

  test("rows out of order are sorted stably, sessions whole, and counted", async () => {
    const trace = await read(
      "arrival_s,prompt_tokens,output_tokens,session,think_s\n" +
        "5,50,1,1,\n,51,1,1,2\n,52,1,1,2\n3,30,1,2,\n5,53,1,3,\n1,10,1,4,\n,11,1,4,2\n3,31,1,5,\n",
    );
    expect(columnsOf(trace).promptTokens).toEqual([10, 11, 30, 31, 50, 51, 52, 53]);
    expect(trace.notes).toEqual({ rowsRead: 8, outOfOrder: 3 });
  });

  test("a dropped first step hands its arrival to the next one", async () => {
    const trace = await read(
      "arrival_s,prompt_tokens,output_tokens,session,think_s\n4,10,0,1,\n,11,0,1,2\n,12,5,1,2\n,13,5,1,2\n",
    );
    expect(columnsOf(trace)).toMatchObject({
      arrivalSeconds: [4, Number.NaN],
      promptTokens: [12, 13],
      step: [0, 1],
    });
    expect(trace.notes).toEqual({ rowsRead: 4, droppedEmpty: 2 });
  });

  test.each<[string, string, ReadTraceOptions, string]>([
    [
      "NaN time",
      "nan,1,1\n",
      {},
      'CANOPY_TRACE_VALUE trace.csv, line 2, column "arrival_s": "nan" is not a number of seconds of at least 0',
    ],
    [
      "negative time",
      "0,1,1\n-1,1,1\n",
      {},
      'CANOPY_TRACE_VALUE trace.csv, line 3, column "arrival_s": "-1" is not a number of seconds of at least 0',
    ],
    [
      "fractional tokens",
      "0,1.5,1\n",
      {},
      'CANOPY_TRACE_VALUE trace.csv, line 2, column "prompt_tokens": "1.5" is not a whole number of tokens from 0 to 1000000000',
    ],
    [
      "negative tokens",
      "0,1,-1\n",
      {},
      'CANOPY_TRACE_VALUE trace.csv, line 2, column "output_tokens": "-1" is not a whole number of tokens from 0 to 1000000000',
    ],
    [
      "missing tokens",
      "0,,1\n",
      {},
      'CANOPY_TRACE_VALUE trace.csv, line 2, column "prompt_tokens": "" is not a whole number of tokens from 0 to 1000000000',
    ],
    [
      "no output, not to be dropped",
      "0,1,1\n1,1,0\n",
      { dropEmpty: false },
      "CANOPY_TRACE_VALUE trace.csv, line 3: a request of 0 output tokens, expected at least 1 (dropEmpty: true drops such rows)",
    ],
    ["no rows", "", {}, "CANOPY_TRACE_EMPTY trace.csv: no requests, expected at least one row"],
    [
      "only failures",
      "0,1,0\n",
      {},
      "CANOPY_TRACE_EMPTY trace.csv: no requests (1 rows without tokens dropped), expected at least one row",
    ],
    [
      "a time left out without a session",
      ",1,1\n",
      {},
      'CANOPY_TRACE_VALUE trace.csv, line 2, column "arrival_s": "" is not a time; it may be empty only in a step that follows a row of its session',
    ],
  ])("%s", async (_, rows, options, message) => {
    expect(await refused(`arrival_s,prompt_tokens,output_tokens\n${rows}`, options)).toBe(message);
  });

  test("whole numbers written as decimals are tokens", async () => {
    const trace = await read("arrival_s,prompt_tokens,output_tokens\n0,12.0,1e2\n");
    expect(columnsOf(trace)).toMatchObject({ promptTokens: [12], outputTokens: [100] });
  });

  test("a prefix longer than its prompt", async () => {
    expect(await refused("arrival_s,prompt_tokens,output_tokens,prefix_tokens\n0,10,1,11\n")).toBe(
      'CANOPY_TRACE_VALUE trace.csv, line 2, column "prefix_tokens": "11" is not at most the prompt\'s 10 tokens',
    );
  });

  test("a dependent step after a row of another session, or without think times", async () => {
    expect(
      await refused("arrival_s,prompt_tokens,output_tokens,session,think_s\n0,1,1,1,\n,1,1,2,1\n"),
    ).toContain("line 3");
    expect(await refused("arrival_s,prompt_tokens,output_tokens,session\n0,1,1,1\n,1,1,1\n")).toBe(
      'CANOPY_TRACE_VALUE trace.csv, line 3, column "arrival_s": "" is not a time; it may be empty only in a file with think_s',
    );
    expect(await refused("arrival_s,prompt_tokens,output_tokens,session,think_s\n0,1,1,1,\n,1,1,1,\n")).toBe(
      'CANOPY_TRACE_VALUE trace.csv, line 3, column "think_s": "" is not a number of seconds of at least 0',
    );
  });
});

describe("which layout", () => {
  test.each<[string, string, ReadTraceOptions, string]>([
    [
      "a column almost right",
      "arrival_s,prompt_token,output_tokens\n0,1,1\n",
      {},
      'CANOPY_TRACE_COLUMN trace.csv, line 1: no column "prompt_tokens" of the generic layout (did you mean "prompt_token"?)',
    ],
    [
      "a mapped column that is not there",
      "time,in,out\n0,1,1\n",
      { columns: { arrival_s: "tiem", prompt_tokens: "in", output_tokens: "out" } },
      'CANOPY_TRACE_COLUMN trace.csv, line 1: no column "tiem" (did you mean "time"?)',
    ],
    [
      "a map of an unknown column",
      "time,in,out\n0,1,1\n",
      { columns: { arival_s: "time" } as never },
      'CANOPY_TRACE_COLUMN trace.csv: columns.arival_s is no column of a trace (did you mean "arrival_s"?)',
    ],
    [
      "nothing known",
      "x,y\n0,1\n",
      {},
      "CANOPY_TRACE_FORMAT trace.csv, line 1: columns x, y are of no known layout, expected arrival_s, prompt_tokens, output_tokens (or name them by columns:), or a trace of azure, burstgpt, mooncake, agent-sessions",
    ],
    [
      "another format than the file's",
      "arrival_s,prompt_tokens,output_tokens\n0,1,1\n",
      { format: "azure" },
      'CANOPY_TRACE_COLUMN trace.csv, line 1: no column "TIMESTAMP" (expected one of: arrival_s, prompt_tokens, output_tokens)',
    ],
    [
      "an unknown format",
      "arrival_s,prompt_tokens,output_tokens\n0,1,1\n",
      { format: "azur" as never },
      'CANOPY_TRACE_FORMAT trace.csv: format "azur" is not known (did you mean "azure"?)',
    ],
    [
      "an empty file",
      "",
      {},
      "CANOPY_TRACE_EMPTY trace.csv: the file is empty, expected a header line and rows",
    ],
  ])("%s", async (_, content, options, message) => {
    expect(await refused(content, options)).toBe(message);
  });

  test("no such file", async () => {
    await read("arrival_s,prompt_tokens,output_tokens\n0,1,1\n", {}, "requests.csv");
    expect(await failure(readTrace(files.path("request.csv")))).toMatch(
      /^CANOPY_FILE_MISSING trace request.csv: no such file \(did you mean ".*requests.csv"\?\)$/,
    );
    expect(await failure(readTrace(files.path("")))).toMatch(
      /^CANOPY_FILE_UNREADABLE .*is a folder, expected a file$/,
    );
  });
});
