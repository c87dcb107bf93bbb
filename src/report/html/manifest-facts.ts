/** What a manifest says, for people. */
import type { ExperimentResult } from "../../experiment/result.ts";
import type { Manifest } from "../manifest.ts";

type Facts = readonly (readonly [string, string])[];

const NONE: Facts = [["manifest", "none beside the result"]];

/** Facts by name; of a result without a manifest those that it holds itself. */
export function manifestFacts({ provenance }: ExperimentResult, manifest: Manifest | null): Facts {
  const own = [
    ["experiment files", provenance.files.join(", ")],
    ["code", provenance.code],
    ["Node", provenance.node],
  ] as const;
  if (manifest === null) return [...own, ...NONE];
  const [command, ...others] = commandFacts(manifest);
  return [
    command,
    ...own,
    ...others,
    ["seeds", manifest.seeds.join(", ")],
    ["requests simulated", manifest.requestsSimulated.toLocaleString("en-US")],
    ["state", manifest.state],
    ["experiment's SHA-256", manifest.resolvedSha256],
  ];
}

/** By which command, where and when: what a manifest says of outcomes of any kind, the command first. */
export function commandFacts(manifest: Manifest | null): Facts {
  if (manifest === null) return NONE;
  const { command, git, cpu, tool, platform, architecture, startedAt, endedAt } = manifest;
  const seconds = (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
  return [
    ["command", command.join(" ")],
    ["tool", `${tool.name} ${tool.version}`],
    ["commit", git === null ? "no repository" : `${git.commit}${git.dirty ? " with changes" : ""}`],
    ["machine", `${cpu.model}, ${cpu.threads} threads, ${platform} ${architecture}`],
    ["made", `${startedAt}, ${Math.round(seconds)} s for the whole command`],
  ];
}
