/**
 * Writes `profiles/<id>.json` from the derived profiles of the reference data
 * ($CANOPY_DATA/profiles/derived/profiles.json, else ../shared/data): the same values, checked, with every
 * source named by its upstream file.
 *
 *   npx tsx scripts/make-profiles.ts
 */
import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseProfile } from "../src/profile/load.ts";
import { profileText } from "../src/profile/profile-text.ts";
import type { Profile } from "../src/profile/schema.ts";
import { withProfilesTable } from "./profiles-table.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const dataRoot = resolve(process.env["CANOPY_DATA"] ?? join(root, "../shared/data"));
const derived: unknown[] = JSON.parse(
  await readFile(join(dataRoot, "profiles/derived/profiles.json"), "utf8"),
);
const shipped = derived.map((json) => {
  const { profile } = parseProfile(json, "profiles.json");
  const renamed = {
    ...profile,
    sources: [...upstream(profile), ...idleSources(profile)],
    notes: note(profile),
  };
  return parseProfile(renamed, profile.id).profile;
});
for (const profile of shipped) {
  await writeFile(join(root, "profiles", `${profile.id}.json`), profileText(profile));
}
const readme = join(root, "profiles/README.md");
await writeFile(readme, withProfilesTable(await readFile(readme, "utf8"), shipped));
process.stdout.write(`${shipped.length} profiles written\n`);

type Source = Profile["sources"][number];

/** The sources with the path of the upstream file in place of the local copy's. */
function upstream(profile: Profile): Source[] {
  return profile.sources.map((source) => ({
    ...source,
    path: upstreamPath(source, profile),
    script: null,
  }));
}

function upstreamPath(source: Source, { gpu, tensorParallel, precision }: Profile): string {
  switch (source.source) {
    case "ai-dynamo/aiconfigurator": {
      const system = gpu?.sku.startsWith("H100") ? "h100_sxm" : "a100_sxm";
      const tables = `aic-core/src/aiconfigurator_core/systems/data/${system}`;
      const kernels = `${tables}/{gemm,attention,comm}/vllm/0.14.0/*.parquet`;
      return precision.startsWith("int")
        ? `${kernels}; ${tables}/gemm/trtllm/1.0.0/gemm_perf.parquet`
        : kernels;
    }
    case "argonne-lcf/LLM-Inference-Bench":
      return source.block === "power"
        ? "Plots/Fig_16_a_b/power_results.csv"
        : "Plots/Fig_22/all_results_TTFT_ITL.csv";
    case "ml-energy/leaderboard": {
      const model = tensorParallel === 1 ? "Llama-3.1-8B" : "Llama-3.1-70B";
      return `public/data/models/meta-llama__${model}-Instruct__lm-arena-chat.json`;
    }
    case "Mutinifni/splitwise-sim":
      return "data/perf_model.csv";
    default:
      throw new Error(`${source.source}: no upstream path is known for this source`);
  }
}

/** Single published readings that the idle watts rest on; the derived file does not list them. */
function idleSources({ gpu }: Profile): Source[] {
  const reading = (source: string, path: string | null, commit: string | null): Source => ({
    block: "power",
    source,
    path,
    commit,
    licence: "none seen; one figure cited",
    date: null,
    host: null,
    driver: null,
    script: null,
  });
  return gpu?.sku.startsWith("H100")
    ? [
        reading("vllm-project/vllm issue 27508 (idle, unloaded)", null, null),
        reading("LMCache/LMCache issue 259 (idle, loaded)", null, null),
      ]
    : [
        reading(
          "chuyishang/inference-energy (idle, unloaded)",
          "results_paste.md",
          "e4743b3ac2face18648df8a953e2b5d33d96de54",
        ),
        reading("arXiv 2605.23918 (step of an open CUDA context)", null, null),
      ];
}

function note(profile: Profile): string {
  const notes = profile.notes ?? "";
  return `${notes.replace(/; see DERIVED\.md$/, "")}; method and limits: README.md beside this file`;
}
