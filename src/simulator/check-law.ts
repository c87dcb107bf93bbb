import { UserError } from "../errors.ts";
import type { Endpoint } from "../fleet/fleet.ts";
import type { Law } from "../profile/law.ts";

/** Limits under which a law has passed: the endpoints of a fleet, and runs, share laws. */
const passed = new WeakMap<Law, Set<string>>();

/** A place in the law's range, and the seconds there. */
interface Least {
  readonly at: number;
  readonly seconds: number;
}

/**
 * Checks that every iteration that an endpoint's batching allows takes time. Laws are piecewise linear, so their least
 * values lie at the ends of their pieces and of the range: D from 1 to maxRequests, K from 0 to what the KV blocks and
 * the longest sequence allow, P from 1 to the most prompt tokens of one batch.
 *
 * @throws UserError CANOPY_PROFILE_LAW with the arithmetic, when one could take none
 */
export function checkLaw(endpoint: Endpoint): void {
  const { batching, law, maxModelTokens, role } = endpoint;
  const key = JSON.stringify([batching, maxModelTokens, role]);
  const known = passed.get(law) ?? new Set();
  if (known.has(key)) return;
  check(endpoint);
  passed.set(law, known.add(key));
}

function check({ name, batching, law, maxModelTokens, role }: Endpoint): void {
  const { kvBlocks, blockTokens, maxRequests, paddedTokenLimit, policy, tokenBudget } = batching;
  const longest = Math.min(maxModelTokens, kvBlocks * blockTokens);
  const refuse = (arithmetic: string) =>
    new UserError(
      "CANOPY_PROFILE_LAW",
      `endpoint ${name}: an iteration would take ${arithmetic}, expected more than 0 s for all that its batching allows`,
    );

  const prefill = leastOf(law.prefillBounds, 1, mostPromptTokens(), (P) => law.prefillSeconds(P));
  if (!(prefill.seconds > 0)) throw refuse(`prefill(P = ${prefill.at}) = ${prefill.seconds} s`);
  if (role === "prefill") return;
  let decode: Least & { readonly D: number } = { D: 0, at: 0, seconds: Number.POSITIVE_INFINITY };
  for (let D = 1; D <= Math.min(maxRequests, law.maxSequences); D++) {
    // A decoding request holds at most one token more than its blocks do.
    const most = Math.min(D * longest, kvBlocks * blockTokens + D);
    const bounds = law.bound.subarray(law.rowStart[D], law.rowStart[D + 1]);
    const least = leastOf(bounds, 0, most, (K) => law.decodeSeconds(D, K));
    if (!(least.seconds >= decode.seconds)) decode = { D, ...least };
  }
  const spelled = `decode(D = ${decode.D}, K = ${decode.at}) = ${decode.seconds} s`;
  if (!(decode.seconds > 0)) throw refuse(spelled);
  if (policy === "vllm-v0" || policy === "static") return;
  const mixed = law.seconds(prefill.at, decode.D, decode.at);
  if (!(mixed > 0)) {
    throw refuse(`${spelled} + prefill(P = ${prefill.at}) = ${prefill.seconds} s - overhead = ${mixed} s`);
  }

  function mostPromptTokens(): number {
    if (role === "prefill" || policy === "mixed") return Math.max(tokenBudget, longest);
    if (policy === "vllm-v0" || policy === "static") return Math.max(paddedTokenLimit, longest);
    return tokenBudget;
  }
}

function leastOf(
  bounds: ArrayLike<number>,
  from: number,
  to: number,
  seconds: (at: number) => number,
): Least {
  let least: Least = { at: from, seconds: seconds(from) };
  const consider = (at: number) => {
    const found = seconds(at);
    if (!(found >= least.seconds)) least = { at, seconds: found };
  };
  for (let i = 0; i < bounds.length; i++) if (bounds[i] > from && bounds[i] < to) consider(bounds[i]);
  if (to > from) consider(to);
  return least;
}
