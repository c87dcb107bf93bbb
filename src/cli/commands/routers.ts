import type { Command } from "commander";
import type { RouterDefinition } from "../../routers/contract.ts";
import type { ParameterInfo } from "../describe-parameters.ts";
import { examples, type FormatOption, type Printed, print, withFormat } from "../output.ts";

export function addRoutersCommand(program: Command): void {
  const command = program
    .command("routers")
    .description("list the routers, or show one with its parameters")
    .argument("[id]", "id or alias of a router, or a file that defines one")
    .addHelpText(
      "after",
      examples([
        "canopy routers",
        "canopy routers cedar-heuristic",
        "canopy routers ./my-router.ts --format json",
      ]),
    );
  withFormat(command).action(async (id: string | undefined, { format }: FormatOption) => {
    await print(format, id === undefined ? await list() : await show(id));
  });
}

async function list(): Promise<Printed> {
  const { listRouters } = await import("../../routers/registry.ts");
  const routers = listRouters();
  return {
    tables: [
      {
        title: "Routers",
        columns: ["id", "family", "group", "status", "source"].map((key) => ({ key, header: key })),
        rows: routers.map(({ id, family, group, status, source }) => ({
          cells: { id, family, group, status, source },
        })),
        notes: ["canopy routers ID shows one with its parameters"],
      },
    ],
    json: { schema: "canopy/routers/1", routers: routers.map(factsOf) },
  };
}

async function show(id: string): Promise<Printed> {
  const { isRouterFile, loadRouter } = await import("../../routers/load-router.ts");
  const { findRouter } = await import("../../routers/registry.ts");
  const { describeParameters } = await import("../describe-parameters.ts");
  const router = isRouterFile(id) ? await loadRouter(id) : findRouter(id);
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
    json: { schema: "canopy/router/1", ...facts, parameters },
  };
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

function factsOf(router: RouterDefinition) {
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
