/** Breaking the simulator on purpose, to see that a check notices. */

const restores: (() => void)[] = [];

/** Replaces a method of a prototype until {@link restoreAll}; `wrap` is given the real one. */
export function sabotage<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  wrap: (original: T[K]) => T[K],
): void {
  const original = prototype[name];
  prototype[name] = wrap(original);
  restores.push(() => {
    prototype[name] = original;
  });
}

export function restoreAll(): void {
  for (const restore of restores.splice(0)) restore();
}
