/** What a manifest says, for people. */
import type { ExperimentResult } from "../../experiment/result.ts";
import type { Manifest } from "../manifest.ts";

/** Facts by name; of a result without a manifest those that it holds itself. */
export function manifestFacts(
  { provenance }: ExperimentResult,
  manifest: Manifest | null,
): (readonly [string, string])[] {
  const own = [
    ["experiment files", provenance.files.join(", ")],
    ["code", provenance.code],
    ["Node", provenance.node],
  ] as const;
  if (manifest === null) return [...own, ["manifest", "none beside the result"]];
  const { command, git, seeds, cpu, tool } = manifest;
  const seconds = (Date.parse(manifest.endedAt) - Date.parse(manifest.startedAt)) / 1000;
  return [
    ["command", command.join(" ")],
    ...own,
    ["tool", `${tool.name} ${tool.version}`],
    ["commit", git === null ? "no repository" : `${git.commit}${git.dirty ? " with changes" : ""}`],
    ["seeds", seeds.join(", ")],
    ["machine", `${cpu.model}, ${cpu.threads} threads, ${manifest.platform} ${manifest.architecture}`],
    ["made", `${manifest.startedAt}, ${Math.round(seconds)} s for the whole command`],
    ["requests simulated", manifest.requestsSimulated.toLocaleString("en-US")],
    ["state", manifest.state],
    ["experiment's SHA-256", manifest.resolvedSha256],
  ];
}
