/** Tables of every key that a JSON Schema knows; parts that stand in several places have a section of their own. */
import { type SchemaNode, valuesOf } from "../../src/cli/describe-parameters.ts";
import { code, defaultText, table } from "./markdown.ts";

interface Node extends SchemaNode {
  readonly $ref?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly additionalProperties?: Node | boolean;
  readonly items?: Node;
  readonly prefixItems?: readonly Node[];
  readonly anyOf?: readonly Node[];
  readonly oneOf?: readonly Node[];
}

/** A shorter part is written out where it stands. */
const SHARED_CHARACTERS = 300;
/** What a part is called where the first key that has it says too little. */
const NAMES: Readonly<Record<string, string>> = { prompt: "distribution", workload: "generated workload" };
const HEAD = ["key", "values", "default", "unit", "meaning"];

/** Sections of a schema: one for each key of the root that has keys inside, the plain keys first. */
export function schemaSections(schema: unknown): string {
  const root = schema as Node;
  const properties = Object.entries(root.properties ?? {});
  const shared = sharedParts(root);
  const plain = properties.filter(([, node]) => !hasKeys(node));
  const parts = properties.filter(([, node]) => hasKeys(node));
  const sections = [
    `## Keys of one value\n\n${table(
      HEAD,
      plain.map(([key, node]) => row(key, key, node, root.required?.includes(key) === true)),
    )}`,
    ...parts.map(([key, node]) => section(key, key, node, shared)),
    ...[...shared.values()].map(({ name, node }) => section(name, "", node, shared, true)),
  ];
  return sections.join("\n\n");
}

interface Shared {
  readonly name: string;
  readonly node: Node;
}

function section(
  title: string,
  path: string,
  node: Node,
  shared: ReadonlyMap<string, Shared>,
  isShared = false,
): string {
  const about = [
    node.description === undefined ? "" : `${sentence(node.description)}`,
    node.default === undefined || isShared ? "" : `Default ${defaultText(node.default)}.`,
  ].filter((text) => text !== "");
  const rows = rowsOf(path, node, shared, true);
  return [
    `## ${title}`,
    ...(isShared ? ["Used above wherever a key links here."] : []),
    ...(about.length === 0 ? [] : [about.join(" ")]),
    table(HEAD, rows),
  ].join("\n\n");
}

/** Rows of everything inside a node, forms of a union one after another. */
function rowsOf(
  path: string,
  node: Node,
  shared: ReadonlyMap<string, Shared>,
  isTop: boolean,
): (readonly string[])[] {
  const known = isTop ? undefined : shared.get(textOf(node));
  if (known !== undefined) return [];
  const forms = node.anyOf ?? node.oneOf;
  if (forms !== undefined) {
    return forms.flatMap((form) => {
      const inside = rowsOf(path, form, shared, false);
      if (inside.length === 0) {
        const link = linkOf(form, shared);
        return [[code(path), link ?? words(form), "", "", form.description ?? "one of its forms"]];
      }
      return [["", `**form ${formName(form, forms)}**`, "", "", form.description ?? ""], ...inside];
    });
  }
  if (node.items !== undefined) return rowsOf(`${path}[]`, node.items, shared, false);
  const rows: (readonly string[])[] = [];
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const at = path === "" ? key : `${path}.${key}`;
    const link = linkOf(child, shared);
    const required = node.required?.includes(key) === true;
    rows.push(row(at, key, child, required, link));
    if (link === undefined && hasKeys(child)) rows.push(...rowsOf(at, child, shared, false));
  }
  const { additionalProperties } = node;
  if (typeof additionalProperties === "object") {
    const at = path === "" ? "NAME" : `${path}.NAME`;
    rows.push(row(at, "NAME", additionalProperties, false, linkOf(additionalProperties, shared)));
    rows.push(...(hasKeys(additionalProperties) ? rowsOf(at, additionalProperties, shared, false) : []));
  }
  return rows;
}

function row(path: string, key: string, node: Node, required: boolean, link?: string): readonly string[] {
  const shown = required && node.default === undefined ? "required" : defaultText(node.default);
  return [code(path), link ?? words(node), shown, unitOf(key), node.description ?? ""];
}

/** What a node may be, without the keys that have rows of their own. */
function words(node: Node): string {
  if (node.$ref !== undefined) return "any value";
  const forms = node.anyOf ?? node.oneOf;
  if (forms !== undefined) return [...new Set(forms.map(words))].join(", or ");
  if (node.type === "array") return node.items === undefined ? "list" : `list of ${words(node.items)}`;
  if (node.type === "object") {
    const { additionalProperties } = node;
    return node.properties === undefined && typeof additionalProperties === "object"
      ? `map of ${words(additionalProperties)}`
      : "map";
  }
  return valuesOf(node).replaceAll(" | ", ", ");
}

function hasKeys(node: Node): boolean {
  const { properties, items, anyOf, oneOf, additionalProperties } = node;
  return (
    properties !== undefined ||
    (items !== undefined && hasKeys(items)) ||
    (anyOf ?? oneOf ?? []).some(hasKeys) ||
    (typeof additionalProperties === "object" && hasKeys(additionalProperties))
  );
}

/** Names a form by the value that only it has, else by the keys that only it needs. */
function formName(form: Node, forms: readonly Node[]): string {
  const constant = Object.entries(form.properties ?? {}).find(([, { const: value }]) => value !== undefined);
  if (constant !== undefined) return code(`${constant[0]}: ${String(constant[1].const)}`);
  const own = (form.required ?? []).filter((key) =>
    forms.every((other) => other === form || other.properties?.[key] === undefined),
  );
  return own.length === 0 ? "of a map" : `with ${own.map(code).join(", ")}`;
}

/** Parts with keys that stand in several places, by their text. */
function sharedParts(root: Node): Map<string, Shared> {
  const seen = new Map<string, { readonly name: string; readonly node: Node; count: number }>();
  const visit = (key: string, node: Node) => {
    const text = textOf(node);
    if (node !== root && hasKeys(node) && text.length >= SHARED_CHARACTERS) {
      const known = seen.get(text);
      if (known !== undefined) {
        known.count++;
        return;
      }
      seen.set(text, { name: key, node, count: 1 });
    }
    for (const [name, child] of Object.entries(node.properties ?? {})) visit(name, child);
    if (node.items !== undefined) visit(key, node.items);
    for (const form of node.anyOf ?? node.oneOf ?? []) visit(key, form);
    if (typeof node.additionalProperties === "object") visit(key, node.additionalProperties);
  };
  visit("", root);
  const shared = new Map<string, Shared>();
  for (const [text, { name, node, count }] of seen) {
    if (count < 2) continue;
    const called = NAMES[name] ?? name;
    const twins = [...shared.values()].filter((other) => other.name.startsWith(`Part: ${called}`)).length;
    shared.set(text, { name: `Part: ${called}${twins === 0 ? "" : ` ${twins + 1}`}`, node });
  }
  return shared;
}

function linkOf(node: Node, shared: ReadonlyMap<string, Shared>): string | undefined {
  const part = shared.get(textOf(node));
  if (part !== undefined) return link(part.name);
  if (node.items === undefined) return undefined;
  const ofItems = linkOf(node.items, shared);
  return ofItems === undefined ? undefined : `list of ${ofItems}`;
}

function link(name: string): string {
  const anchor = name.toLowerCase().replace(":", "").replaceAll(" ", "-");
  return `[${name.replace("Part: ", "")}](#${anchor})`;
}

/** A node as text without what its place says of it. */
function textOf({ description: _, default: __, ...node }: Node): string {
  return JSON.stringify(node);
}

/** The unit that a key's name says. */
export function unitOf(key: string): string {
  const units: readonly (readonly [RegExp, string])[] = [
    [/^usdPerGpuHour$/, "USD/GPU-hour"],
    [/^usdPerInstanceHour$/, "USD/instance-hour"],
    [/^usdPerReplicaHour$/, "USD/replica-hour"],
    [/^usdPerMillionTokens$/, "USD/10^6 tokens"],
    [/^gigabytesPerS$/, "GB/s"],
    [/PerS$/, "1/s"],
    [/Ms$/, "ms"],
    [/[a-z0-9]S$/, "s"],
    [/LPer(It)?Kwh$/, "L/kWh"],
    [/[a-z]W$|Watts/, "W"],
    [/BytesPerToken$/, "bytes/token"],
    [/Tokens$/, "tokens"],
  ];
  return units.find(([pattern]) => pattern.test(key))?.[1] ?? "";
}

function sentence(text: string): string {
  return `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}
