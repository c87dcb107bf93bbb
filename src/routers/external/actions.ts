import { suggestion } from "../../errors.ts";

/** What a process wants done with a request. */
export type Action =
  | { readonly kind: "keep" }
  | { readonly kind: "hold" }
  | { readonly kind: "reject"; readonly reason: string }
  | {
      readonly kind: "place";
      readonly endpoint: number;
      readonly decodeAt: number;
      readonly priority: number;
      readonly reason: string;
      readonly scores: Float64Array | undefined;
    };

const KEYS = ["endpoint", "decodeAt", "priority", "reason", "scores", "hold", "reject"];
const EXPECTED = "expected an endpoint's number, null, or a map with endpoint, hold or reject";

/**
 * Reads an action of an answer.
 *
 * @param endpoints how many there are
 * @returns the action, or what is wrong with it
 */
export function readAction(value: unknown, endpoints: number): Action | string {
  if (value === null || value === undefined) return { kind: "keep" };
  if (typeof value === "number") return placement({ endpoint: value }, endpoints);
  if (typeof value !== "object" || Array.isArray(value)) return `is ${shown(value)}, ${EXPECTED}`;
  const given = value as Record<string, unknown>;
  const stray = Object.keys(given).find((key) => !KEYS.includes(key));
  if (stray !== undefined) return `has a key "${stray}"${suggestion(stray, KEYS)}`;
  const { reject, hold, endpoint } = given;
  const kinds = [reject, hold === false ? undefined : hold, endpoint].filter((one) => one !== undefined);
  if (kinds.length !== 1) return `is ${shown(value)}, ${EXPECTED}`;
  if (reject !== undefined) {
    const isReason = typeof reject === "string" && reject !== "";
    return isReason ? { kind: "reject", reason: reject } : `rejects for ${shown(reject)}, expected a reason`;
  }
  if (endpoint !== undefined) return placement(given, endpoints);
  return hold === true ? { kind: "hold" } : `has hold ${shown(hold)}, expected true`;
}

function placement(given: Record<string, unknown>, endpoints: number): Action | string {
  const { endpoint, decodeAt = -1, priority = 0, reason = "", scores } = given;
  const upTo = `expected a whole number from 0 to ${endpoints - 1}`;
  if (!isIndex(endpoint, endpoints)) return `places on endpoint ${shown(endpoint)}, ${upTo}`;
  if (decodeAt !== -1 && !isIndex(decodeAt, endpoints)) return `decodes at ${shown(decodeAt)}, ${upTo}`;
  if (typeof priority !== "number" || Number.isNaN(priority)) {
    return `has priority ${shown(priority)}, expected a number`;
  }
  if (typeof reason !== "string") return `has reason ${shown(reason)}, expected text`;
  if (scores !== undefined && !isScores(scores, endpoints)) {
    return `has scores ${shown(scores)}, expected a number or null for each of ${endpoints} endpoints`;
  }
  return {
    kind: "place",
    endpoint,
    decodeAt: decodeAt as number,
    priority,
    reason,
    scores: scores === undefined ? undefined : Float64Array.from(scores, (score) => score ?? Number.NaN),
  };
}

function isIndex(value: unknown, count: number): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < count;
}

function isScores(value: unknown, count: number): value is readonly (number | null)[] {
  return (
    Array.isArray(value) &&
    value.length === count &&
    value.every((score) => score === null || typeof score === "number")
  );
}

/** A value of the process's in a message. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
