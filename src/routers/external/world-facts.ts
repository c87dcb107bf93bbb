/** What the process of an external router is told, as plain data: names and units are those of the contract. */
import type { World } from "../contract.ts";

/** By number in the endpoints' view. */
export const ROLES = ["mixed", "prefill", "decode"];

/** What does not change during a run. */
export function worldFacts({
  endpoints,
  regions,
  signals,
  tiers,
  taskTypes,
  models,
  groups,
  ...world
}: World): Record<string, unknown> {
  return {
    endpoints: endpoints.names.map((name, e) => ({
      name,
      region: endpoints.region[e],
      model: endpoints.model[e],
      group: endpoints.group[e],
      large: endpoints.large[e],
      role: ROLES[endpoints.role[e]],
      minReplicas: endpoints.minReplicas[e],
      maxReplicas: endpoints.maxReplicas[e],
      maxRequests: endpoints.maxRequests[e],
      kvTokens: endpoints.kvTokens[e],
      maxModelTokens: endpoints.maxModelTokens[e],
      maxOutstanding: endpoints.maxOutstanding[e],
      usdPerReplicaSecond: endpoints.usdPerReplicaSecond[e],
      roundTripSeconds: endpoints.roundTripSeconds[e],
    })),
    regions: signals.regions.map((name, r) => ({
      name,
      pue: regions.pue[r],
      siteLitresPerItKwh: regions.siteLitresPerItKwh[r],
      gridLitresPerKwh: regions.gridLitresPerKwh[r],
    })),
    tiers: tiers.map((tier) => ({ ...tier })),
    taskTypes,
    models,
    groups,
    signal: signals.signal,
    latency: world.latency,
    clock: world.clock,
    startHour: world.startHour,
    meanPromptTokens: world.meanPromptTokens,
    meanOutputTokens: world.meanOutputTokens,
  };
}

/** What a gateway knows of a request. */
export function requestFacts({ requests }: World, request: number): Record<string, unknown> {
  return {
    arrivalSeconds: requests.arrivalSeconds[request],
    deadlineSeconds: requests.deadlineSeconds[request],
    promptTokens: requests.promptTokens[request],
    tier: requests.tier[request],
    needsLarge: requests.needsLarge[request],
    taskType: requests.taskType[request],
    tenant: requests.tenant[request],
    turns: requests.turns[request],
    session: requests.session[request],
    step: requests.step[request],
    prefixTokens: requests.prefixTokens[request],
    recordedEndpoint: requests.recordedEndpoint[request],
    producedTokens: requests.producedTokens[request],
  };
}
