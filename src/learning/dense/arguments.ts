/** An error of a caller's argument, with the code that the addon uses. */
export function argumentError(message: string): Error {
  return Object.assign(new Error(message), { code: "ERR_CANOPY_ARGUMENT" });
}

/** @throws ERR_CANOPY_ARGUMENT where the array is shorter than that */
export function expectLength(array: Float32Array, count: number, name: string): void {
  if (array.length >= count) return;
  throw argumentError(`${name} holds ${array.length} elements, expected ${count}`);
}
