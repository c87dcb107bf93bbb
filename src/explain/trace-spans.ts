/** From what happened to a request to stretches of time: at the router, waiting, prefill, decode. */
import type { WatchedRequest } from "./watched-request.ts";

export type Phase = "queued" | "prefill" | "decode" | "KV transfer";

/** Where a request was from one time to another; `null` is the router. */
export interface Stay {
  readonly endpoint: string | null;
  /** Null where it never came to run. */
  replica: number | null;
  readonly fromSeconds: number;
  toSeconds: number;
  /** Why it was placed there. */
  readonly reason: string | null;
  /** Follow each other without gaps; at the router only the times in which it was held on purpose. */
  readonly phases: {
    readonly name: Phase | "held on purpose";
    readonly fromSeconds: number;
    toSeconds: number;
  }[];
  /** When the engine took its place away. */
  readonly displacedSeconds: number[];
}

/** The stays of a request, one after the other; the last one ends with the request. */
export function staysOf({ timeline, decisions }: WatchedRequest): Stay[] {
  const stays: Stay[] = [];
  const placements = decisions.filter(({ kind }) => kind === "placed");
  let placed = 0;
  const enter = (endpoint: string | null, at: number, reason: string | null): Stay => {
    leave(at);
    const stay: Stay = {
      endpoint,
      replica: null,
      fromSeconds: at,
      toSeconds: Number.NaN,
      reason,
      phases: [],
      displacedSeconds: [],
    };
    stays.push(stay);
    return stay;
  };
  const endPhase = (at: number) => {
    const phase = stays.at(-1)?.phases.at(-1);
    if (phase !== undefined && Number.isNaN(phase.toSeconds)) phase.toSeconds = at;
  };
  const begin = (name: Stay["phases"][number]["name"], at: number) => {
    endPhase(at);
    stays.at(-1)?.phases.push({ name, fromSeconds: at, toSeconds: Number.NaN });
  };
  const leave = (at: number) => {
    endPhase(at);
    const stay = stays.at(-1);
    if (stay !== undefined && Number.isNaN(stay.toSeconds)) stay.toSeconds = at;
  };
  for (const { atSeconds: at, event, endpoint, replica } of timeline) {
    const stay = stays.at(-1);
    switch (event) {
      case "arrived":
      case "returned to the router":
        enter(null, at, null);
        break;
      case "held on purpose":
        begin("held on purpose", at);
        break;
      case "released":
        endPhase(at);
        break;
      case "placed":
        enter(endpoint, at, placements[placed++]?.reason ?? null);
        begin("queued", at);
        break;
      case "prefill starts":
        if (stay === undefined) break;
        stay.replica ??= replica;
        // Where the prompt was computed elsewhere, what is left is to decode.
        begin(stay.phases[0]?.name === "KV transfer" ? "decode" : "prefill", at);
        break;
      case "prompt computed": {
        const { decodeAt = null } = placements[placed - 1] ?? {};
        if (decodeAt !== null && stay?.endpoint !== decodeAt) {
          enter(decodeAt, at, null);
          begin("KV transfer", at);
        } else if (stay?.phases.at(-1)?.name !== "decode") begin("decode", at);
        break;
      }
      case "preempted by the engine":
        stay?.displacedSeconds.push(at);
        begin("queued", at);
        break;
      case "finished":
      case "rejected":
      case "cut at the horizon":
        leave(at);
        break;
      case "first token":
        break;
    }
  }
  return stays;
}
