/**
 * What the worker harness does with the addon, over and over, in several threads at once: a short use of each part of
 * the addon, with its objects dropped at the end. `run` may be asynchronous; it throws when an answer is wrong.
 *
 * @type {readonly { readonly name: string, readonly run: (addon: any) => unknown }[]}
 */
export const exercises = [
  {
    name: "describe",
    run(addon) {
      if (!(addon.describe().cpu.usableThreads >= 1)) throw new Error("no usable threads");
    },
  },
];
