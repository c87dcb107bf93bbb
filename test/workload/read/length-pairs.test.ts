import { join } from "node:path";
import { expect, test } from "vitest";
import { readLengthPairs } from "../../../src/workload/read/length-pairs.ts";
import { summarise } from "../../../src/workload/statistics.ts";
import { SyntheticWorkload } from "../../../src/workload/synthetic.ts";
import { dataRoot, testWithData } from "../../data-root.ts";
import { failure, temporaryFiles } from "./files.ts";

const files = temporaryFiles();

test("pairs by the usual names or by given ones; rows without tokens are dropped", async () => {
  const path = files.write(
    "pairs.csv",
    "id,num_prefill_tokens,num_decode_tokens,x\n1,74,918,9\n2,290,0,8\n3,5,6,7\n",
  );
  const expected = { prompt: Int32Array.of(74, 5), output: Int32Array.of(918, 6), droppedEmpty: 1 };
  expect(await readLengthPairs(path)).toEqual(expected);
  expect(await readLengthPairs(path, { prompt: "id", output: "x" })).toMatchObject({
    prompt: Int32Array.of(1, 2, 3),
  });
});

test("broken files", async () => {
  expect(await failure(readLengthPairs(files.write("a.csv", "prompt_tokens,outputtokens\n1,2\n")))).toBe(
    'CANOPY_TRACE_COLUMN a.csv, line 1: no column "output_tokens" (did you mean "outputtokens"?)',
  );
  expect(await failure(readLengthPairs(files.write("b.csv", "prompt_tokens,output_tokens\n1,x\n")))).toBe(
    'CANOPY_TRACE_VALUE b.csv, line 2, column "output_tokens": "x" is not a whole number of tokens from 0 to 1000000000',
  );
  expect(await failure(readLengthPairs(files.write("c.csv", "prompt_tokens,output_tokens\n1,0\n")))).toBe(
    "CANOPY_TRACE_EMPTY c.csv: no lengths, expected at least one row with tokens",
  );
});

// log mean, log sd, median, mean of prompt and output.
testWithData.each<[string, number, number[], number[]]>([
  ["sharegpt_8k_filtered_llama2.csv", 30_731, [7.01, 1.63, 1730, 2340], [5.77, 1, 415, 439]],
  ["arxiv_summarization_llama2.csv", 28_257, [7.72, 0.75, 2730, 2588], [5.19, 0.8, 167, 291]],
])("measured facts of %s, and of requests drawn from it", async (name, rows, prompt, output) => {
  const pairs = await readLengthPairs(join(dataRoot as string, "workload-sharegpt", name));
  expect(pairs.prompt.length + pairs.droppedEmpty).toBe(rows);
  const arrival = { process: "constant", ratePerSecond: 1 } as const;
  const workload = new SyntheticWorkload({ seed: 1, requests: 200_000, arrival, pairs });
  const drawn = summarise(workload);
  for (const [column, [logMean, logSd, median, mean]] of [
    [drawn.promptTokens, prompt],
    [drawn.outputTokens, output],
  ] as const) {
    expect(Math.abs(column.logMean - logMean)).toBeLessThan(0.02);
    expect(Math.abs(column.logSd - logSd)).toBeLessThan(0.02);
    expect(Math.abs(column.median / median - 1)).toBeLessThan(0.02);
    expect(Math.abs(column.mean / mean - 1)).toBeLessThan(0.02);
  }
  expect(Math.round(workload.meanPromptTokens)).toBe(prompt[3]);
  expect(Math.round(workload.meanOutputTokens)).toBe(output[3]);
});
