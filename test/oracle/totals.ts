import type { EndpointTotals } from "../../src/simulator/options.ts";

export function noTotals(): EndpointTotals {
  return {
    busySeconds: 0,
    upSeconds: 0,
    activeJoules: 0,
    idleJoules: 0,
    hostJoules: 0,
    literalJoules: 0,
    activeGrams: 0,
    literalGrams: 0,
    idleGrams: 0,
    hostGrams: 0,
    busyUsd: 0,
    fleetUsd: 0,
    energyUsd: 0,
    iterations: 0,
    outsideIterations: 0,
    outsideJoules: 0,
    preemptions: 0,
    placed: 0,
    finished: 0,
    promptTokens: 0,
    outputTokens: 0,
  };
}
