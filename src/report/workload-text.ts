import type { PlainValue } from "../experiment/located-tree.ts";

type Plain = Readonly<Record<string, PlainValue>>;

/** The requests of a point in a few words, from the provenance of a result. */
export function workloadText(workload: Plain): string {
  const parameters = record(workload["parameters"]) ?? {};
  const { name, requests, durationS, rateFactor, copies, repeat, lengthFactor } = parameters;
  const amount = [
    ...(typeof requests === "number" ? [`${requests.toLocaleString("en-US")} requests`] : []),
    ...(typeof durationS === "number" ? [`${durationS.toLocaleString("en-US")} s`] : []),
  ].join(" or ");
  const changes = [
    ...(differs(rateFactor) ? [`rate x ${rateFactor}`] : []),
    ...(differs(copies) ? [`${copies} copies`] : []),
    ...(differs(repeat) ? [`played ${repeat} times`] : []),
    ...(differs(lengthFactor) ? [`lengths x ${lengthFactor}`] : []),
  ];
  const what = [
    ...(workload["kind"] === "trace" ? [`trace ${String(workload["name"] ?? workload["file"])}`] : []),
    ...(workload["kind"] !== "trace"
      ? [typeof name === "string" ? name : `${String(workload["kind"])} workload`]
      : []),
    ...(amount === "" ? [] : [amount]),
    ...arrivalText(parameters, workload["kind"] === "sessions"),
    ...lengthsText(record(parameters["sessions"]) ?? parameters),
    ...changes,
  ];
  return what.join(", ");
}

function arrivalText(parameters: Plain, sessions: boolean): string[] {
  const arrival = record(parameters["arrival"]);
  if (arrival === undefined) return [];
  const burst = record(arrival["burst"]);
  return [
    `${String(arrival["process"])} at ${String(arrival["ratePerS"])} ${sessions ? "sessions " : ""}per s`,
    ...(burst === undefined
      ? []
      : [`bursts of ${String(burst["factor"])} x for ${String(burst["durationS"])} s`]),
    ...(arrival["dayShape"] === undefined ? [] : ["with the shape of a day"]),
  ];
}

function lengthsText(lengths: Plain): string[] {
  const total = record(lengths["total"]);
  if (total !== undefined) {
    return [
      `tokens ${distributionText(total["of"])}, ${100 * Number(total["outputShare"])} % of them output`,
    ];
  }
  return ["prompt", "output"].flatMap((key) =>
    lengths[key] === undefined ? [] : [`${key} ${distributionText(lengths[key])}`],
  );
}

function distributionText(value: PlainValue | undefined): string {
  const distribution = record(value) ?? {};
  const { dist, mu, sigma, value: constant, min, max } = distribution;
  if (dist === "lognormal") return `lognormal(${String(mu)}, ${String(sigma)})`;
  if (dist === "constant") return String(constant);
  if (dist === "uniform") return `uniform(${String(min)}, ${String(max)})`;
  return String(dist);
}

function differs(value: PlainValue | undefined): boolean {
  return typeof value === "number" && value !== 1;
}

function record(value: PlainValue | undefined): Plain | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Plain) : undefined;
}
