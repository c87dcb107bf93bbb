type Action = () => void | Promise<void>;

const actions: Action[] = [];

/**
 * Has something done once, after the tests of the file that runs. Helpers are loaded once for all files of a worker, so
 * a hook at their top would only serve the first of them.
 */
export function afterFile(action: Action): void {
  actions.push(action);
}

/** Does what was asked for, the last first. */
export async function endFile(): Promise<void> {
  for (let action = actions.pop(); action; action = actions.pop()) await action();
}
