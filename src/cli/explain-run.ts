/** What `canopy explain` does. */
import { stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { UserError } from "../errors.ts";
import { chooseRun } from "../explain/choose-run.ts";
import { explainRequest, type RequestExplanation, trainedInputs } from "../explain/explain-request.ts";
import { explanationTables } from "../explain/tables.ts";
import { type RunTrace, traceRun, traceText } from "../explain/trace-run.ts";
import { writeFileAtomically } from "../files.ts";
import { formatShort } from "../report/format-number.ts";
import type { Table } from "../report/table.ts";
import type { ExplainCommandOptions } from "./commands/explain.ts";
import { interruptible } from "./interruptible.ts";
import { print } from "./output.ts";

export async function explain(
  place: string,
  request: number | undefined,
  options: ExplainCommandOptions,
): Promise<void> {
  const { trace: file, from, to, format } = options;
  checkOptions(place, request, options);
  const chosen = await chooseRun(place, { ...options, sets: options.set });
  for (const remark of chosen.remarks) process.stderr.write(`note: ${remark}\n`);
  const store = join(await storeFolder(place), ".canopy", "store", chosen.plan.loaded.id, "trained");
  const { explanation, trace } = await interruptible(
    () => "nothing was written",
    async (signal) => {
      const inputs = await trainedInputs(chosen, [store], { threads: 0, signal });
      const explained = request === undefined ? undefined : await explainRequest(chosen, request, inputs);
      if (file === undefined) return { explanation: explained, trace: undefined };
      const own = windowOf(explained);
      const window = { fromSeconds: from ?? own.from, toSeconds: to ?? own.to, most: options.most };
      return { explanation: explained, trace: await traceRun(chosen, inputs, window) };
    },
  );
  if (file !== undefined && trace !== undefined) {
    await writeFileAtomically(file, traceText(trace));
    const { requests, events, fromSeconds, toSeconds, cut } = trace;
    process.stderr.write(
      `${file}: ${requests} requests, ${events.length} events, ${formatShort(fromSeconds, 6)} s to ${formatShort(toSeconds, 6)} s of the run; open it in ui.perfetto.dev\n`,
    );
    if (cut) {
      process.stderr.write(
        `it ends there because of --most ${options.most}; a larger number, or another window by --from and --to, shows more\n`,
      );
    }
  }
  if (explanation !== undefined) {
    return print(format, {
      tables: explanationTables(explanation),
      json: explanation as RequestExplanation & Record<string, unknown>,
    });
  }
  if (trace !== undefined && file !== undefined) await print(format, traceFacts(trace, file));
}

function checkOptions(place: string, request: number | undefined, options: ExplainCommandOptions): void {
  const { trace, from, to } = options;
  if (request === undefined && trace === undefined) {
    throw new UserError(
      "CANOPY_USAGE",
      `explain ${place}: which request? Give its number, or --trace FILE for a trace of the run`,
    );
  }
  if (trace === undefined && (from !== undefined || to !== undefined)) {
    throw new UserError("CANOPY_USAGE", "--from and --to are of a trace, expected --trace FILE with them");
  }
  if (from !== undefined && to !== undefined && to <= from) {
    throw new UserError("CANOPY_OPTION_VALUE", `--to ${to}: expected a time after --from ${from}`);
  }
}

/** Seconds that the trace has of a request that ended as it came. */
const INSTANT_SECONDS = 1;

/** The time that a request was in the system; without one the whole run. */
function windowOf(explanation: RequestExplanation | undefined): { from: number; to: number | undefined } {
  const times = explanation?.request.timeline.map(({ atSeconds }) => atSeconds) ?? [];
  const [from = 0] = times;
  const to = times.at(-1);
  return { from, to: to === from ? from + INSTANT_SECONDS : to };
}

/** Where `canopy run` keeps what was trained: in the folder of the result, else here. */
async function storeFolder(place: string): Promise<string> {
  const kind = await stat(place).catch(() => undefined);
  if (kind?.isDirectory() === true) return place;
  return place.endsWith(".json") ? dirname(place) : ".";
}

function traceFacts(
  trace: RunTrace,
  file: string,
): { tables: Table[]; json: { schema: string } & Record<string, unknown> } {
  const { experiment, run, fromSeconds, toSeconds, requests, cut, events } = trace;
  return {
    tables: [
      {
        title: "Trace",
        columns: [
          { key: "file", header: "file" },
          { key: "router", header: "router" },
          { key: "seed", header: "seed", format: "integer" },
          { key: "from", header: "from", unit: "s", digits: 6 },
          { key: "to", header: "to", unit: "s", digits: 6 },
          { key: "requests", header: "requests", format: "integer" },
          { key: "events", header: "events", format: "integer" },
        ],
        rows: [
          {
            cells: {
              file,
              router: run.router,
              seed: run.seed,
              from: fromSeconds,
              to: toSeconds,
              requests,
              events: events.length,
            },
          },
        ],
        notes: [],
      },
    ],
    json: {
      schema: "canopy/trace-written/1",
      file,
      experiment,
      run,
      fromSeconds,
      toSeconds,
      requests,
      cut,
      events: events.length,
    },
  };
}
