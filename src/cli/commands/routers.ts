import type { Command } from "commander";
import type { RouterDefinition } from "../../routers/contract.ts";
import type { PlannerDefinition } from "../../routers/planner-contract.ts";
import type { ParameterInfo } from "../describe-parameters.ts";
import { examples, type FormatOption, type Printed, print, withFormat } from "../output.ts";

export function addRoutersCommand(program: Command): void {
  const command = program
    .command("routers")
    .description("list the routers and planners, or show one with its parameters")
    .argument("[id]", "id or alias of a router, or a file or an installed package that defines one")
    .option("--planners", "planners of epochs instead of routers of requests")
    .addHelpText(
      "after",
      examples([
        "canopy routers",
        "canopy routers cedar-heuristic",
        "canopy routers ./my-router.ts --format json",
        "canopy routers --planners",
        "canopy routers --planners marlin-balanced",
      ]),
    );
  withFormat(command).action(async (id: string | undefined, options: FormatOption & { planners?: true }) => {
    const { format, planners } = options;
    await print(format, await (id === undefined ? list(planners) : show(id, planners)));
  });
}

/** What lists and pages show of a router or a planner. */
type Listed = Pick<RouterDefinition, "id" | "summary" | "family" | "group" | "status" | "source"> &
  Partial<Pick<RouterDefinition, "aliases" | "ablationOf" | "withoutCarbon" | "clairvoyant">>;

async function list(planners: true | undefined): Promise<Printed> {
  const listed: readonly Listed[] =
    planners === true
      ? (await import("../../routers/planner-registry.ts")).listPlanners()
      : (await import("../../routers/registry.ts")).listRouters();
  const kind = planners === true ? "planners" : "routers";
  return {
    tables: [
      {
        title: planners === true ? "Planners" : "Routers",
        columns: ["id", "family", "group", "status", "source"].map((key) => ({ key, header: key })),
        rows: listed.map(({ id, family, group, status, source }) => ({
          cells: { id, family, group, status, source },
        })),
        notes: [
          planners === true
            ? "canopy routers --planners ID shows one with its parameters"
            : "canopy routers ID shows one with its parameters; --planners lists planners of epochs",
        ],
      },
    ],
    json: { schema: `canopy/${kind}/1`, [kind]: listed.map(factsOf) },
  };
}

async function show(id: string, planners: true | undefined): Promise<Printed> {
  const { describeParameters } = await import("../describe-parameters.ts");
  const router = await (planners === true ? plannerOf(id) : routerOf(id));
  const parameters = describeParameters(router.parameters);
  const facts = factsOf(router);
  return {
    tables: [
      {
        title: router.id,
        caption: router.summary,
        columns: [
          { key: "fact", header: "fact" },
          { key: "value", header: "value" },
        ],
        rows: Object.entries(facts)
          .filter(([key, value]) => key !== "id" && key !== "summary" && value !== null && value !== false)
          .map(([fact, value]) => ({
            cells: { fact, value: Array.isArray(value) ? value.join(", ") : String(value) },
          }))
          .filter(({ cells }) => cells.value !== ""),
        notes: [],
      },
      parameterTable(parameters),
    ],
    json: { schema: planners === true ? "canopy/planner/1" : "canopy/router/1", ...facts, parameters },
  };
}

async function routerOf(id: string): Promise<RouterDefinition> {
  const { isRouterFile, loadRouter, routerFile } = await import("../../routers/load-router.ts");
  const { findRouter } = await import("../../routers/registry.ts");
  const file = routerFile(id, process.cwd());
  return file === null ? findRouter(id) : loadRouter(isRouterFile(id) ? id : file);
}

async function plannerOf(id: string): Promise<PlannerDefinition> {
  const { isDefinitionFile } = await import("../../routers/load-definition.ts");
  const { findPlanner } = await import("../../routers/planner-registry.ts");
  const { loadPlanner } = await import("../../routers/load-planner.ts");
  return isDefinitionFile(id) ? loadPlanner(id) : findPlanner(id);
}

function parameterTable(parameters: readonly ParameterInfo[]): Printed["tables"][number] {
  return {
    title: parameters.length === 0 ? "No parameters" : "Parameters",
    columns: [
      { key: "parameter", header: "parameter" },
      { key: "default", header: "default", align: "left" },
      { key: "values", header: "values" },
      { key: "description", header: "description" },
    ],
    rows: parameters.map(({ name, default: value, values, description }) => ({
      cells: {
        parameter: name,
        default: value === undefined ? null : typeof value === "string" ? value : JSON.stringify(value),
        values,
        description,
      },
    })),
    notes: [],
  };
}

function factsOf(router: Listed) {
  return {
    id: router.id,
    summary: router.summary,
    family: router.family,
    group: router.group,
    status: router.status,
    source: router.source,
    aliases: router.aliases ?? [],
    ablationOf: router.ablationOf ?? null,
    withoutCarbon: router.withoutCarbon ?? null,
    clairvoyant: router.clairvoyant === true,
  };
}
