import { z } from "zod";
import { type Link, maxFlow } from "../../numeric/max-flow.ts";
import { defineRouter, type EndpointView, type World } from "../contract.ts";
import { largestBatch, sustainedRate } from "../epochs/request-class.ts";
import { PlacingRouter } from "../placing-router.ts";
import { InterleavedWeightedRoundRobin } from "../weighted-round-robin.ts";
import { decodePartners, ROLE } from "./phase-endpoints.ts";

const parameters = z.strictObject({
  leastLinkShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.05)
    .describe("Links with less of the flow out of their node are not used (Helix's code)"),
  highWaterMark: z
    .number()
    .positive()
    .max(1)
    .default(0.9)
    .describe("Share of an endpoint's KV tokens that expected sequences may fill (Helix's code)"),
  outputRatio: z
    .number()
    .min(0)
    .default(0.6)
    .describe("Of the mean output, what a sequence is expected to hold"),
  meanOutputTokens: z.number().positive().default(240).describe("Mean output (Helix's code)"),
  retrySeconds: z
    .number()
    .positive()
    .default(0.1)
    .describe("Seconds between two tries at requests that no endpoint took"),
});

/**
 * Helix (Mei et al., ASPLOS 2025) request by request: the largest flow of tokens from the gateway over endpoints, and
 * interleaved weighted round robin by the flows, at the gateway and again at each prefill endpoint. A request skips
 * links of too little flow and endpoints whose KV cache it would fill above the mark; where all do, it waits.
 *
 * Every replica holds its model whole, so nothing is left to place. Nodes have the tokens a second that their role
 * sustains; a router sees no bandwidths, so links are not limited. Decodes go the way of their prompt, as in Helix.
 */
class HelixRouter extends PlacingRouter {
  override readonly needs = { telemetry: true };
  readonly #options: z.output<typeof parameters>;
  #partners!: readonly Int32Array[];
  /** Turns at the gateway, over endpoints; and at each prefill endpoint, over its partners. */
  #gateway!: InterleavedWeightedRoundRobin;
  #onward!: readonly InterleavedWeightedRoundRobin[];
  /** 1 for endpoints that any request, or one that needs the large model, may go to by the flow to them. */
  #strong!: readonly [Uint8Array, Uint8Array];
  #open!: Uint8Array;
  #openPartners!: readonly Uint8Array[];
  /** Of the placement in hand: tokens, and the place of the decode endpoint among the partners. */
  #tokens = 0;
  #partner = -1;

  constructor(options: z.output<typeof parameters>) {
    super({ queue: "arrival", retrySeconds: options.retrySeconds });
    this.#options = options;
  }

  protected override startsAt(role: number): boolean {
    return role !== ROLE.decode;
  }

  protected override prepare(): void {
    const { endpoints } = this.world;
    this.#partners = decodePartners("helix", endpoints);
    const { gateway, onward } = tokenFlows(this.world, this.#partners);
    const { leastLinkShare } = this.#options;
    this.#gateway = new InterleavedWeightedRoundRobin(gateway);
    this.#onward = onward.map((flows) => {
      const strong = strongLinks(flows, leastLinkShare);
      return new InterleavedWeightedRoundRobin(flows.map((flow, i) => flow * strong[i]));
    });
    // Apart: all links to large models together may be weak.
    const only = (candidates: Int32Array) => gateway.map((flow, e) => (candidates.includes(e) ? flow : 0));
    this.#strong = [
      strongLinks(only(this.all), leastLinkShare),
      strongLinks(only(this.large), leastLinkShare),
    ];
    this.#open = new Uint8Array(endpoints.count);
    this.#openPartners = this.#partners.map((partners) => new Uint8Array(partners.length));
  }

  protected override pick(request: number): number {
    const { requests, endpoints, meanOutputTokens } = this.world;
    this.#tokens = requests.promptTokens[request] + Math.round(meanOutputTokens);
    const candidates = this.candidatesOf(request);
    const strong = this.#strong[requests.needsLarge[request]];
    this.#open.fill(0);
    for (let i = 0; i < candidates.length; i++) {
      const e = candidates[i];
      if (strong[e] === 0 || this.blocked[e] === 1 || !this.#takes(request, e)) continue;
      if (endpoints.role[e] === ROLE.prefill && this.#nextAfter(request, e) < 0) continue;
      this.#open[e] = 1;
    }
    const first = this.#gateway.peek(this.#tokens, this.#open);
    this.#partner =
      first >= 0 && endpoints.role[first] === ROLE.prefill ? this.#nextAfter(request, first) : -1;
    return first;
  }

  protected override decodesAt(_request: number, endpoint: number): number {
    return this.#partner < 0 ? -1 : this.#partners[endpoint][this.#partner];
  }

  protected override placed(_tier: number, endpoint: number): void {
    this.#gateway.take(endpoint, this.#tokens);
    if (this.#partner >= 0) this.#onward[endpoint].take(this.#partner, this.#tokens);
  }

  protected override reason(_request: number, endpoint: number): string {
    const { names } = this.world.endpoints;
    this.explained.set(this.#gateway.loads);
    const onward = this.#partner < 0 ? "" : ` and ${names[this.decodesAt(_request, endpoint)]} after it`;
    return `the turn of ${names[endpoint]}${onward} by their flows`;
  }

  /** Place of the decode endpoint whose turn it is after a prefill endpoint; -1 where all refuse. */
  #nextAfter(request: number, prefill: number): number {
    const partners = this.#partners[prefill];
    const open = this.#openPartners[prefill];
    for (let i = 0; i < partners.length; i++) open[i] = this.#takes(request, partners[i]) ? 1 : 0;
    return this.#onward[prefill].peek(this.#tokens, open);
  }

  /** Whether the endpoint is up and the request is expected to fit; one that is empty takes any. */
  #takes(request: number, e: number): boolean {
    const { endpoints, telemetry, requests } = this.world;
    if (telemetry.up[e] === 0) return false;
    if (telemetry.outstanding[e] === 0) return true;
    const { highWaterMark, outputRatio, meanOutputTokens } = this.#options;
    const expected = requests.promptTokens[request] + outputRatio * meanOutputTokens;
    const room = highWaterMark * endpoints.kvTokens[e] * telemetry.replicas[e];
    return telemetry.outstandingTokens[e] + expected <= room;
  }
}

/** 1 for links with at least this share of the flow of all; for all where they are so many that each is weaker. */
function strongLinks(flows: Float64Array, leastShare: number): Uint8Array {
  const sum = flows.reduce((total, flow) => total + flow, 0);
  const strong = Uint8Array.from(flows, (flow) => (flow > 0 && flow >= leastShare * sum ? 1 : 0));
  return strong.includes(1) ? strong : strong.fill(1);
}

/**
 * The largest flow of tokens a second: from the gateway to each endpoint that takes prompts, and from each prefill
 * endpoint to its partners. What a prefill endpoint and a decode endpoint can do is counted in tokens of whole
 * requests, so that flows are conserved.
 */
function tokenFlows(
  { endpoints, meanPromptTokens, meanOutputTokens }: World,
  partners: readonly Int32Array[],
): { readonly gateway: Float64Array; readonly onward: readonly Float64Array[] } {
  const { count, role } = endpoints;
  const prompt = Math.max(1, meanPromptTokens);
  const output = Math.max(1, meanOutputTokens);
  const [source, sink] = [2 * count, 2 * count + 1];
  const into = (e: number) => e;
  const outOf = (e: number) => count + e;
  const links: Link[] = [];
  const link = (from: number, to: number, capacity = Number.POSITIVE_INFINITY) =>
    links.push({ from, to, capacity }) - 1;
  const entries: number[] = [];
  const first = Array.from({ length: count }, () => -1);
  const next = partners.map((own) => Array.from(own, () => -1));
  const byLatency = Array.from({ length: count }, (_, e) => e).sort(
    (a, b) => endpoints.roundTripSeconds[a] - endpoints.roundTripSeconds[b] || a - b,
  );
  for (const e of byLatency) {
    const replicas = Math.max(1, endpoints.minReplicas[e]);
    const rate = replicas * rateOf(endpoints, e, prompt, output);
    link(into(e), outOf(e), rate * (prompt + output));
    if (role[e] !== ROLE.decode) {
      first[e] = link(source, into(e), rate * (prompt + output));
      if (role[e] === ROLE.prefill) entries.push(first[e]);
    }
    if (role[e] !== ROLE.prefill) link(outOf(e), sink);
    for (const [i, d] of partners[e].entries()) next[e][i] = link(outOf(e), into(d));
  }
  const { flows } = evenFlow(2 * count + 2, links, entries, source, sink);
  return {
    gateway: Float64Array.from(first, (at) => (at < 0 ? 0 : flows[at])),
    onward: next.map((own) => Float64Array.from(own, (at) => flows[at])),
  };
}

/**
 * Of the largest flows one that uses prefill endpoints alike, by the least share of their capacity that they need: any
 * largest flow may leave one of two equal ones idle (ours).
 *
 * @param entries links into prefill endpoints
 */
function evenFlow(
  nodes: number,
  links: readonly Link[],
  entries: readonly number[],
  source: number,
  sink: number,
) {
  const within = (share: number) => {
    const narrowed = [...links];
    for (const i of entries) narrowed[i] = { ...links[i], capacity: share * links[i].capacity };
    return maxFlow(nodes, narrowed, source, sink);
  };
  let best = within(1);
  const least = best.value * (1 - 1e-9);
  let low = 0;
  let high = 1;
  for (let i = 0; i < 30; i++) {
    const middle = (low + high) / 2;
    const flow = within(middle);
    if (flow.value >= least) {
      best = flow;
      high = middle;
    } else {
      low = middle;
    }
  }
  return best;
}

/** Requests a second of one replica, in its role. */
function rateOf(endpoints: EndpointView, e: number, prompt: number, output: number): number {
  const law = endpoints.law[e];
  const batch = largestBatch(endpoints, e, prompt + output);
  switch (endpoints.role[e]) {
    case ROLE.prefill:
      return law.prefillTokensPerSecond / prompt;
    case ROLE.decode:
      return batch / (output * law.decodeSeconds(batch, Math.round(batch * (prompt + output / 2))));
    default:
      return sustainedRate(law, batch, prompt, output);
  }
}

export const helix = defineRouter({
  id: "helix",
  family: "marlin",
  group: "baseline",
  status: "adapted",
  source: "Helix, ASPLOS '25, and its code",
  summary: "Largest flow of tokens over the endpoints, interleaved weighted round robin by the flows",
  parameters,
  create: (values: z.output<typeof parameters>) => new HelixRouter(values),
});
