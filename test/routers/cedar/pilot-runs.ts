/** CEDAR's learned policy on a host without engines, and what its artefact holds. */
import { CedarRouter } from "../../../src/routers/cedar/cedar-router.ts";
import {
  cedarHandOverParameters,
  type HandOverParameters,
} from "../../../src/routers/cedar/sac-parameters.ts";
import { type PilotMode, SacPilot } from "../../../src/routers/cedar/sac-pilot.ts";
import type { FakeHost } from "../fake-host.ts";

/** Starts CEDAR on the host under a policy that nobody has trained. */
export function pilotOn(
  host: FakeHost,
  parameters: object,
  mode: PilotMode,
): { readonly pilot: SacPilot; readonly router: CedarRouter } {
  const values: HandOverParameters = cedarHandOverParameters.parse(parameters);
  const made: SacPilot[] = [];
  const router = new CedarRouter(values, {
    queue: true,
    meanModel: false,
    uniformWithinRegion: false,
    pilot: (cockpit) => {
      made.push(new SacPilot(cockpit, values, mode));
      return made[0];
    },
  });
  host.start(router);
  return { pilot: made[0], router };
}

export interface KeptTransition {
  readonly state: Float32Array;
  readonly action: Float32Array;
  readonly reward: number;
  readonly nextState: Float32Array;
}

/** The transitions that a policy's artefact holds, the oldest first. */
export function transitionsOf(bytes: Uint8Array): KeptTransition[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const aligned = (length: number) => 8 * Math.ceil(length / 8);
  const headerBytes = view.getUint32(8, true);
  const header = JSON.parse(Buffer.from(bytes.subarray(12, 12 + headerBytes)).toString("utf8"));
  const { states, actions } = header.shape as { states: number; actions: number };
  let at = aligned(12 + headerBytes);
  const parts = new Map<string, number>();
  for (const { name, type, length } of header.sections) {
    parts.set(name, at);
    at += aligned(length * (type === "f64" ? 8 : 4));
  }
  const count = view.getInt32(parts.get("number of transitions") as number, true);
  const width = 2 * states + actions + 1;
  return Array.from({ length: count }, (_, i) => {
    const from = (parts.get("transitions") as number) + 4 * width * i;
    const row = Float32Array.from({ length: width }, (_, k) => view.getFloat32(from + 4 * k, true));
    return {
      state: row.slice(0, states),
      action: row.slice(states, states + actions),
      reward: row[states + actions],
      nextState: row.slice(states + actions + 1),
    };
  });
}
