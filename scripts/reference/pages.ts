/** The pages of docs/reference that are written from the code. */
import { z } from "zod";
import { describeParameters } from "../../src/cli/describe-parameters.ts";
import { epochExperimentSchema } from "../../src/experiment/epochs/epoch-schema.ts";
import { epochsJsonSchema, experimentJsonSchema } from "../../src/experiment/json-schema.ts";
import { experimentSchema } from "../../src/experiment/schema.ts";
import { EPOCH_METRICS, PLANNER_FIGURES } from "../../src/metrics/epoch-metrics.ts";
import { METRICS, type MetricInfo, ROUTER_FIGURES } from "../../src/metrics/metric-catalogue.ts";
import type { RouterDefinition } from "../../src/routers/contract.ts";
import type { PlannerDefinition } from "../../src/routers/planner-contract.ts";
import { listPlanners } from "../../src/routers/planner-registry.ts";
import { findRouter, listRouters } from "../../src/routers/registry.ts";
import { foundationsPage } from "./foundations.ts";
import { code, defaultText, table, WRITTEN } from "./markdown.ts";
import { schemaSections } from "./schema-tables.ts";

/** By name of the file below docs/reference. */
export function referencePages(): Readonly<Record<string, string>> {
  return {
    "experiment.md": experimentPage(),
    "epoch-experiment.md": epochsPage(),
    "metrics.md": metricsPage(),
    "routers.md": routersPage(),
    "foundations.md": foundationsPage(),
  };
}

const KEYS_NOTE =
  "A path in the tables is what `--set path=value` and the axes of a sweep take; `[]` stands for a number of a list, counted from 0, and `NAME` for a name of yours. A key without a default may be left out unless it is required. Units are in the names of the keys.";

function page(title: string, ...parts: readonly string[]): string {
  return `${[WRITTEN, `# ${title}`, ...parts].join("\n\n")}\n`;
}

function experimentPage(): string {
  return page(
    "Keys of an experiment",
    `Every key of an experiment with routers, from the schema that files are checked with ([JSON Schema](../schema/experiment.schema.json) for editors). Experiments with planners: [epoch-experiment.md](epoch-experiment.md); sweeps: [sweeps.md](../sweeps.md). ${KEYS_NOTE}`,
    schemaSections({ ...experimentJsonSchema(), required: requiredIn(experimentSchema) }),
  );
}

function epochsPage(): string {
  return page(
    "Keys of an experiment with planners",
    `Every key of an experiment of epochs over datacentres ([marlin.md](../marlin.md)), from the schema that files are checked with ([JSON Schema](../schema/epoch-experiment.schema.json)). ${KEYS_NOTE}`,
    schemaSections({ ...epochsJsonSchema(), required: requiredIn(epochExperimentSchema) }),
  );
}

/** Keys that a whole experiment needs: of one file none is, since others may give it. */
function requiredIn(schema: z.ZodType): readonly string[] {
  return z.toJSONSchema(schema, { io: "input" }).required ?? [];
}

function metricsPage(): string {
  return page(
    "Metrics",
    "Every metric of a run: its name in results, tables and `--format json`, its unit, which way is better, and what it is. `<tier>`, `<model>` and the like stand for a name of the experiment. The source is the paper whose quantity it is, and empty for what all benchmarks of serving have and for what is ours. Where a metric cannot be known (no prices, no power, nothing finished) it is null with a reason, never 0.",
    "A row's mean is over its runs (seeds times starts); its 95 % interval is a bootstrap over the runs. The paths by which metrics are computed: `src/metrics/run-metrics.ts` for routers, `src/experiment/epochs/epoch-metrics.ts` for planners.",
    section("Of runs with routers", METRICS),
    section(
      "Figures of routers",
      ROUTER_FIGURES,
      "What routers report of themselves, and what windows and rewards add: only runs that have them show them.",
    ),
    section("Of runs with planners", EPOCH_METRICS, "MARLIN's model of a datacentre over epochs."),
    section("Figures of planners", PLANNER_FIGURES),
  );
}

function section(title: string, metrics: readonly MetricInfo[], about?: string): string {
  const rows = metrics.map((metric) => [
    code(metric.name),
    metric.unit === "" ? "1" : metric.unit,
    metric.better === "neither" ? "" : metric.better,
    metric.description,
    sourceOf(metric),
  ]);
  const head = ["metric", "unit", "better", "definition", "source"];
  return [`## ${title}`, ...(about === undefined ? [] : [about]), table(head, rows)].join("\n\n");
}

/** The paper and equation that a definition names. */
function sourceOf({ description }: MetricInfo): string {
  const named = /\b(CEDAR|CAPS|MARLIN|GAR)(?:-PD)?(?:'s)?(?: (?:eq\.|equation) (\d+))?/.exec(description);
  const [equation, number] = /\bequation (\d+)/.exec(description) ?? [];
  if (named === null) return equation === undefined ? "" : `MARLIN, equation ${number}`;
  return named[2] === undefined ? named[1] : `${named[1]}, equation ${named[2]}`;
}

function routersPage(): string {
  const routers = listRouters();
  return page(
    "Routers",
    "Every registered router and planner with its source, its status and its parameters, from the registry. [routers.md](../routers.md) says what each assumes and how they are meant.",
    table(
      ["status", "meaning"],
      [
        ["`as specified`", "the paper says all that matters and it is done so"],
        [
          "`adapted`",
          "the paper's rule with what it leaves open, or with what the fleet needs, filled in by us",
        ],
        ["`reconstructed`", "the paper does not give the rule; it is rebuilt from the text"],
        ["`ours`", "no paper's"],
      ],
    ),
    `## Routers of requests\n\n${overview(routers)}`,
    ...[...routers, findRouter("external")].map(details),
    `## Planners of epochs\n\n${overview(listPlanners())}`,
    ...listPlanners().map(details),
  );
}

type Defined = RouterDefinition | PlannerDefinition;

function overview(all: readonly Defined[]): string {
  const rows = all.map(({ id, family, group, status, source }) => [code(id), family, group, status, source]);
  return table(["id", "family", "group", "status", "source"], rows);
}

function details(definition: Defined): string {
  const { id, summary, source, status, family, group } = definition;
  const { aliases = [], ablationOf, clairvoyant, withoutCarbon, training } = definition as RouterDefinition;
  const facts = [
    `${status}; ${group} of ${family}; source: ${source}`,
    ...(aliases.length === 0 ? [] : [`also called ${aliases.map(code).join(", ")}`]),
    ...(ablationOf === undefined ? [] : [`an ablation of ${code(ablationOf)}`]),
    ...(withoutCarbon === undefined ? [] : [`its form without carbon is ${code(withoutCarbon)}`]),
    ...(clairvoyant === true ? ["sees what no gateway can"] : []),
    ...(training === undefined ? [] : [`learns ${training.artefacts.map(code).join(", ")} beforehand`]),
  ];
  const parameters = describeParameters(definition.parameters);
  const rows = parameters.map(({ name, values, default: value, description }) => [
    code(name),
    values,
    value === undefined ? "required" : defaultText(value),
    description,
  ]);
  return [
    `### ${id}`,
    `${summary}. ${facts.map((fact) => `${fact[0].toUpperCase()}${fact.slice(1)}.`).join(" ")}`,
    ...(rows.length === 0
      ? ["No parameters."]
      : [table(["parameter", "values", "default", "meaning"], rows)]),
  ].join("\n\n");
}
