/**
 * The inner loop of {@link MaskedForest}, as WebAssembly with vectors of 128 bits: JavaScript has neither 64-bit masks
 * nor vectors, and checks every index. Written out in bytes, since it is the only piece of its kind and needs no
 * compiler that way.
 */

/** What is used of the global, which neither ES2023 nor Node's types declare. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
  readonly Instance: new (
    module: object,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
};

/** Where things lie in the kernel's memory, in bytes. */
export const KERNEL = {
  /** Result, and what the sum starts from. */
  score: 0,
  base: 8,
  /** Addresses of the rows of masks to be joined, 4 bytes each; at most 62. */
  rows: 16,
  /** Leaves: 64 numbers for each tree. Rows of masks follow. */
  leaves: 264,
  /** Trees are taken this many at a time. */
  trees: 8,
} as const;

/** Joins the rows whose addresses end at `rowsEnd` over `maskBytes` bytes each, and adds the leaves up. */
export type MaskKernel = (rowsEnd: number, maskBytes: number) => void;

const PAGE_BYTES = 65_536;

/** A kernel with memory of its own. */
export function maskKernel(bytes: number): { readonly memory: ArrayBuffer; readonly score: MaskKernel } {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const { exports } = new WebAssembly.Instance(kernelModule(), { e: { m: memory } });
  return { memory: memory.buffer, score: exports["s"] as MaskKernel };
}

let compiled: object | undefined;

function kernelModule(): object {
  compiled ??= new WebAssembly.Module(Uint8Array.from(moduleBytes()));
  return compiled;
}

const I32 = 0x7f;
const F64 = 0x7c;
const V128 = 0x7b;

// Parameters, then locals.
const ROWS_END = 0;
const MASK_BYTES = 1;
const AT = 2;
const ROW = 3;
const FROM = 4;
const LEAVES = 5;
const SUM = 6;
/** Four vectors of the masks of two trees each. */
const MASKS = [7, 8, 9, 10];

const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const int = (value: number) => [0x41, ...signed(value)];
const I32_LOAD = (offset: number) => [0x28, 2, ...unsigned(offset)];
const F64_LOAD = (offset: number) => [0x2b, 3, ...unsigned(offset)];
const F64_STORE = (offset: number) => [0x39, 3, ...unsigned(offset)];
const V128_LOAD = (offset: number) => [0xfd, 0x00, 3, ...unsigned(offset)];
const V128_ONES = [0xfd, 0x0c, ...new Array<number>(16).fill(0xff)];
const V128_AND = [0xfd, 0x4e];
const I64_LANE = (lane: number) => [0xfd, 0x1d, lane];
const I64_CTZ = [0x7a];
const I32_WRAP = [0xa7];
const I32_ADD = [0x6a];
const I32_SHL = [0x74];
const I32_LESS = [0x49];
const F64_ADD = [0xa0];
const LOOP = [0x03, 0x40];
const REPEAT_IF = [0x0d, 0];
const END = [0x0b];

/** The value of the lowest leaf that is left of a tree, its number within the trees at hand. */
function leaf(tree: number): number[] {
  const number = [...get(MASKS[tree >> 1]), ...I64_LANE(tree & 1), ...I64_CTZ, ...I32_WRAP];
  return [...get(LEAVES), ...number, ...int(3), ...I32_SHL, ...I32_ADD, ...F64_LOAD(512 * tree)];
}

/** sum + ((a + b) + (c + d)), the order in which {@link Forest} adds. */
function addFour(tree: number): number[] {
  const two = (first: number) => [...leaf(first), ...leaf(first + 1), ...F64_ADD];
  return [...get(SUM), ...two(tree), ...two(tree + 2), ...F64_ADD, ...F64_ADD, ...set(SUM)];
}

function body(): number[] {
  const locals = [3, 4, I32, 1, F64, MASKS.length, V128];
  const step = (local: number, by: number) => [...get(local), ...int(by), ...I32_ADD, ...set(local)];
  const join = MASKS.flatMap((mask, i) => [
    ...get(mask),
    ...get(FROM),
    ...V128_LOAD(16 * i),
    ...V128_AND,
    ...set(mask),
  ]);
  return [
    ...locals,
    ...int(0),
    ...F64_LOAD(KERNEL.base),
    ...set(SUM),
    ...int(KERNEL.leaves),
    ...set(LEAVES),
    ...LOOP,
    ...MASKS.flatMap((mask) => [...V128_ONES, ...set(mask)]),
    ...int(KERNEL.rows),
    ...set(ROW),
    ...LOOP,
    ...get(ROW),
    ...I32_LOAD(0),
    ...get(AT),
    ...I32_ADD,
    ...set(FROM),
    ...join,
    ...step(ROW, 4),
    ...get(ROW),
    ...get(ROWS_END),
    ...I32_LESS,
    ...REPEAT_IF,
    ...END,
    ...addFour(0),
    ...addFour(4),
    ...step(LEAVES, 512 * KERNEL.trees),
    ...step(AT, 8 * KERNEL.trees),
    ...get(AT),
    ...get(MASK_BYTES),
    ...I32_LESS,
    ...REPEAT_IF,
    ...END,
    ...int(0),
    ...get(SUM),
    ...F64_STORE(KERNEL.score),
    ...END,
  ];
}

function moduleBytes(): number[] {
  const code = body();
  const section = (id: number, content: number[]) => [id, ...unsigned(content.length), ...content];
  return [
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    // One type: two whole numbers, no result.
    ...section(1, [1, 0x60, 2, I32, I32, 0]),
    // Memory "e" "m".
    ...section(2, [1, 1, 0x65, 1, 0x6d, 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, 1, 0x73, 0, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
  ];
}

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return bytes;
}

function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const isLast = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    bytes.push(isLast ? low : low | 0x80);
    if (isLast) return bytes;
  }
}
