import { availableParallelism, totalmem } from "node:os";

/** What this process may use of its machine. */
export interface MachineLimits {
  readonly workers: number;
  /** Heap of each worker in MiB. */
  readonly workerHeapMiB: number;
}

/** Memory of a process beside the heaps of its workers, in MiB. */
const OWN_MIB = 192;
const LEAST_HEAP_MIB = 128;

/**
 * By the batch system's word where there is one: `SLURM_CPUS_PER_TASK`, `SLURM_MEM_PER_NODE` or `SLURM_MEM_PER_CPU`
 * (MiB); else by the cgroup and the machine.
 *
 * @param asked worker threads that the user asked for
 */
export function machineLimits(
  asked: number | undefined,
  env: NodeJS.ProcessEnv = process.env,
): MachineLimits {
  const cpus = numberOf(env["SLURM_CPUS_PER_TASK"]);
  const workers = asked ?? cpus ?? availableParallelism();
  const perNode = numberOf(env["SLURM_MEM_PER_NODE"]);
  const perCpu = numberOf(env["SLURM_MEM_PER_CPU"]);
  const constrained = process.constrainedMemory();
  const bytes = constrained > 0 && constrained < totalmem() ? constrained : totalmem();
  const memory = perNode ?? (perCpu === undefined ? undefined : perCpu * (cpus ?? 1)) ?? bytes / 2 ** 20;
  const heap = Math.floor((0.8 * memory - OWN_MIB) / Math.max(1, workers));
  return { workers, workerHeapMiB: Math.max(LEAST_HEAP_MIB, heap) };
}

function numberOf(text: string | undefined): number | undefined {
  const value = Number(text);
  return text !== undefined && Number.isFinite(value) && value > 0 ? value : undefined;
}
