import { createHash } from "node:crypto";
import { UserError } from "../../errors.ts";
import type { Learner, StateArray } from "./learner.ts";

const SCHEMA = "canopy/checkpoint/1";
const MAGIC = "CANOPYCK";
/** Magic, then the header's length as a 32-bit number. */
const HEADER_AT = 12;
const DIGEST_BYTES = 32;
/** Sections begin at multiples of it, so that doubles lie where a view of them may begin. */
const ALIGNMENT = 8;

interface Section {
  readonly name: string;
  readonly type: "f32" | "f64" | "i32";
  readonly length: number;
}

interface Header {
  readonly schema: string;
  readonly kind: string;
  readonly shape: Readonly<Record<string, string | number>>;
  /** Adam's steps by network. */
  readonly steps: Readonly<Record<string, number>>;
  readonly sections: readonly Section[];
}

/**
 * A learner as bytes: a magic word, a JSON header (schema, kind, shape, Adam's step counts, list of sections), the
 * sections in the byte order of the machine (little-endian on all that Node runs on today), a SHA-256 of all before.
 * The same learner gives the same bytes.
 */
export function saveCheckpoint(learner: Learner): Uint8Array {
  const sections = sectionsOf(learner);
  const header: Header = {
    schema: SCHEMA,
    kind: learner.kind,
    shape: learner.shape,
    steps: Object.fromEntries(Object.entries(learner.networks).map(([name, { adam }]) => [name, adam.steps])),
    sections: sections.map(([name, array]) => ({ name, type: typeOf(array), length: array.length })),
  };
  const json = Buffer.from(JSON.stringify(header), "utf8");
  let size = aligned(HEADER_AT + json.length);
  for (const [, array] of sections) size += aligned(array.byteLength);
  const bytes = new Uint8Array(size + DIGEST_BYTES);
  bytes.set(Buffer.from(MAGIC, "latin1"), 0);
  new DataView(bytes.buffer).setUint32(MAGIC.length, json.length, true);
  bytes.set(json, HEADER_AT);
  let at = aligned(HEADER_AT + json.length);
  for (const [, array] of sections) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += aligned(array.byteLength);
  }
  bytes.set(digestOf(bytes.subarray(0, at)), at);
  return bytes;
}

/**
 * Fills a learner with what a checkpoint holds; the learner stays as it was where that fails.
 *
 * @param source what to call the checkpoint in a message, e.g. its path
 * @throws UserError CANOPY_CHECKPOINT_FORMAT for bytes that are no whole checkpoint; CANOPY_CHECKPOINT_SHAPE for one
 *   of another algorithm or of other sizes
 */
export function loadCheckpoint(learner: Learner, bytes: Uint8Array, source: string): void {
  const { header, payloadAt } = headerOf(bytes, source);
  expectSameShape(learner, header, source);
  const targets = new Map<string, StateArray>(sectionsOf(learner));
  const copies: [StateArray, Uint8Array][] = [];
  let at = payloadAt;
  for (const { name, type, length } of header.sections) {
    const target = targets.get(name);
    if (target === undefined || target.length !== length || typeOf(target) !== type) {
      const wanted = target === undefined ? "no such part" : `${target.length} of ${typeOf(target)}`;
      throw shapeError(source, `its part "${name}" has ${length} values of ${type}, expected ${wanted}`);
    }
    targets.delete(name);
    // A copy also of a Buffer, whose own `slice` is a view of memory that holds other things too.
    const part = new Uint8Array(bytes.subarray(at, at + target.byteLength));
    if (part.byteLength < target.byteLength) throw formatError(source, "it ends early");
    if (!numbersOf(part, type).every(Number.isFinite)) {
      throw formatError(source, `its part "${name}" holds a number that is not finite`);
    }
    copies.push([target, part]);
    at += aligned(target.byteLength);
  }
  const missing = [...targets.keys()][0];
  if (missing !== undefined) throw shapeError(source, `it has no part "${missing}"`);
  for (const [target, part] of copies) {
    new Uint8Array(target.buffer, target.byteOffset, target.byteLength).set(part);
  }
  for (const [name, network] of Object.entries(learner.networks))
    network.adam.steps = header.steps[name] ?? 0;
}

function headerOf(
  bytes: Uint8Array,
  source: string,
): { readonly header: Header; readonly payloadAt: number } {
  const body = bytes.subarray(0, Math.max(0, bytes.length - DIGEST_BYTES));
  if (body.length < HEADER_AT || Buffer.from(body.subarray(0, MAGIC.length)).toString("latin1") !== MAGIC) {
    throw formatError(source, `it does not begin with "${MAGIC}"`);
  }
  if (!Buffer.from(digestOf(body)).equals(bytes.subarray(body.length))) {
    throw formatError(source, "its checksum differs: it was cut short or altered");
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(MAGIC.length, true);
  const header: Header = JSON.parse(
    Buffer.from(body.subarray(HEADER_AT, HEADER_AT + length)).toString("utf8"),
  );
  if (header.schema !== SCHEMA) {
    throw formatError(source, `it is of the schema "${header.schema}", expected "${SCHEMA}"`);
  }
  return { header, payloadAt: aligned(HEADER_AT + length) };
}

function expectSameShape({ kind, shape }: Learner, header: Header, source: string): void {
  if (header.kind !== kind) throw shapeError(source, `it is of a "${header.kind}", expected "${kind}"`);
  for (const key of new Set([...Object.keys(shape), ...Object.keys(header.shape)])) {
    if (header.shape[key] === shape[key]) continue;
    throw shapeError(
      source,
      `its ${key} is ${header.shape[key] ?? "not given"}, expected ${shape[key] ?? "none"}`,
    );
  }
}

/** The first part of a learner that holds a number that is not finite, or null. */
export function spoiltPart(learner: Learner): string | null {
  const spoilt = sectionsOf(learner).find(([, array]) => !array.every(Number.isFinite));
  return spoilt === undefined ? null : spoilt[0];
}

function sectionsOf({ networks, arrays }: Learner): [string, StateArray][] {
  return [
    ...Object.entries(networks).flatMap(([name, { parameters, adam }]): [string, StateArray][] => [
      [`${name}.parameters`, parameters],
      [`${name}.moment1`, adam.moment1],
      [`${name}.moment2`, adam.moment2],
    ]),
    ...Object.entries(arrays),
  ];
}

function numbersOf({ buffer }: Uint8Array<ArrayBuffer>, type: Section["type"]): StateArray {
  if (type === "f32") return new Float32Array(buffer);
  return type === "f64" ? new Float64Array(buffer) : new Int32Array(buffer);
}

function typeOf(array: StateArray): Section["type"] {
  return array instanceof Float32Array ? "f32" : array instanceof Float64Array ? "f64" : "i32";
}

function aligned(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

function digestOf(bytes: Uint8Array): Uint8Array {
  return createHash("sha256").update(bytes).digest();
}

function formatError(source: string, what: string): UserError {
  return new UserError("CANOPY_CHECKPOINT_FORMAT", `${source} is no usable checkpoint: ${what}`);
}

function shapeError(source: string, what: string): UserError {
  return new UserError(
    "CANOPY_CHECKPOINT_SHAPE",
    `the checkpoint ${source} does not fit: ${what}; train anew or take the settings that it was trained with`,
  );
}
