import type { Finding } from "./finding.ts";
import { checkEnergyPerToken, checkKvCapacity, checkMemory, checkWatts } from "./physical-checks.ts";
import { PROVENANCES, type Provenance, weakestProvenance } from "./provenance.ts";
import type { Profile } from "./schema.ts";

/** Every rule between the fields of a profile whose shape is right, in the order of the file. */
export function checkProfile(profile: Profile): Finding[] {
  const shape = [...checkReasons(profile), ...checkArrays(profile)];
  if (shape.some((finding) => finding.code === "CANOPY_PROFILE_GRID")) return shape;
  return [
    ...shape,
    ...checkMonotone(profile),
    ...checkOverhead(profile),
    ...checkMemory(profile),
    ...checkKvCapacity(profile),
    ...checkWatts(profile),
    ...checkEnergyPerToken(profile),
    ...checkProvenance(profile),
    ...checkMeasured(profile),
  ];
}

/** A null in a mandatory field needs its reason; a CPU profile needs none for `gpu`. */
function checkReasons(profile: Profile): Finding[] {
  const findings: Finding[] = [];
  const look = (at: string, object: object) => {
    for (const [key, value] of Object.entries(object)) {
      if (value !== null || !nullable.has(at + key)) continue;
      if (at + key === "gpu" && profile.engine.backend === "cpu") continue;
      if (`${key}Reason` in object) continue;
      findings.push(
        error("CANOPY_PROFILE_REASON", at + key, `is null without a reason: expected ${at}${key}Reason`),
      );
    }
  };
  look("", profile);
  look("model.", profile.model);
  look("engine.", profile.engine);
  if (profile.gpu !== null) look("gpu.", profile.gpu);
  if (profile.power !== null) look("power.", profile.power);
  return findings;
}

const nullable = new Set([
  "gpu",
  "gpu.memoryBytes",
  "gpu.tdpWatts",
  "model.layers",
  "model.kvBytesPerToken",
  "model.weightBytes",
  "model.weights",
  "engine.version",
  "engine.flags",
  "engine.gemm",
  "kvCapacityTokens",
  "overhead",
  "power",
  "power.idleUnloadedWattsPerGpu",
]);

function checkArrays({ decode, prefill, power }: Profile): Finding[] {
  const rows = decode.batch.length;
  const columns = decode.contextTokens.length;
  return [
    ...increasing("decode.batch", decode.batch),
    ...increasing("decode.contextTokens", decode.contextTokens),
    ...rectangular("decode.iterationMs", decode.iterationMs, rows, columns),
    ...(decode.extrapolated === undefined
      ? []
      : rectangular("decode.extrapolated", decode.extrapolated, rows, columns)),
    ...increasing("prefill.promptTokens", prefill.promptTokens),
    ...sameLength(
      "prefill.latencyMs",
      prefill.latencyMs,
      prefill.promptTokens.length,
      "one for each prompt length",
    ),
    ...(prefill.extrapolated === undefined
      ? []
      : sameLength(
          "prefill.extrapolated",
          prefill.extrapolated,
          prefill.promptTokens.length,
          "one for each prompt length",
        )),
    ...(power === null
      ? []
      : increasing(
          "power.decode",
          power.decode.map((point) => point.batch),
          ".batch",
        )),
  ];
}

function increasing(path: string, values: readonly number[], suffix = ""): Finding[] {
  const at = values.findIndex((value, i) => i > 0 && value <= values[i - 1]);
  if (at === -1) return [];
  return [
    error(
      "CANOPY_PROFILE_GRID",
      `${path}[${at}]${suffix}`,
      `${values[at]} follows ${values[at - 1]}: expected strictly increasing values`,
    ),
  ];
}

function rectangular(
  path: string,
  grid: readonly (readonly unknown[])[],
  rows: number,
  columns: number,
): Finding[] {
  return [
    ...sameLength(path, grid, rows, "one row for each batch"),
    ...grid.flatMap((row, b) => sameLength(`${path}[${b}]`, row, columns, "one for each context")),
  ];
}

function sameLength(path: string, values: readonly unknown[], length: number, what: string): Finding[] {
  if (values.length === length) return [];
  return [error("CANOPY_PROFILE_GRID", path, `has ${values.length} entries: expected ${length}, ${what}`)];
}

/** A step never gets shorter with more sequences, more context or more prompt tokens. */
function checkMonotone({ decode, prefill }: Profile): Finding[] {
  const { batch, contextTokens, iterationMs } = decode;
  const findings: Finding[] = [];
  for (let b = 0; b < batch.length; b++) {
    for (let c = 0; c < contextTokens.length; c++) {
      const ms = iterationMs[b][c];
      const path = `decode.iterationMs[${b}][${c}]`;
      if (b > 0 && ms < iterationMs[b - 1][c]) {
        findings.push(
          error(
            "CANOPY_PROFILE_MONOTONE",
            path,
            `${ms} ms at batch ${batch[b]} is below the ${iterationMs[b - 1][c]} ms of batch ${batch[b - 1]} at the same context: expected non-decreasing times`,
          ),
        );
      }
      if (c > 0 && ms < iterationMs[b][c - 1]) {
        findings.push(
          error(
            "CANOPY_PROFILE_MONOTONE",
            path,
            `${ms} ms at context ${contextTokens[c]} is below the ${iterationMs[b][c - 1]} ms of context ${contextTokens[c - 1]} at the same batch: expected non-decreasing times`,
          ),
        );
      }
    }
  }
  const { latencyMs, promptTokens } = prefill;
  for (let i = 1; i < latencyMs.length; i++) {
    if (latencyMs[i] >= latencyMs[i - 1]) continue;
    findings.push(
      error(
        "CANOPY_PROFILE_MONOTONE",
        `prefill.latencyMs[${i}]`,
        `${latencyMs[i]} ms for ${promptTokens[i]} tokens is below the ${latencyMs[i - 1]} ms for ${promptTokens[i - 1]}: expected non-decreasing times`,
      ),
    );
  }
  return findings;
}

/** The overhead is a part of every step, so no step is shorter than it. */
function checkOverhead({ decode, prefill, overhead }: Profile): Finding[] {
  if (overhead === null) return [];
  const at = (sequences: number) => overhead.baseMs + overhead.perSequenceMs * sequences;
  const findings: Finding[] = [];
  const b = decode.batch.findIndex((batch, i) => at(batch) > decode.iterationMs[i][0]);
  if (b !== -1) {
    findings.push(
      error(
        "CANOPY_PROFILE_OVERHEAD",
        "overhead",
        `${at(decode.batch[b])} ms at batch ${decode.batch[b]} exceeds the step of ${decode.iterationMs[b][0]} ms that should contain it`,
      ),
    );
  }
  if (at(1) > prefill.latencyMs[0]) {
    findings.push(
      error(
        "CANOPY_PROFILE_OVERHEAD",
        "overhead",
        `${at(1)} ms exceeds the prefill of ${prefill.latencyMs[0]} ms that should contain it`,
      ),
    );
  }
  return findings;
}

/** The provenance stated for each block, with its path; a block that states none is as the file. */
export function blockProvenances(profile: Profile): { path: string; provenance: Provenance }[] {
  const { decode, prefill, mixed, overhead, power } = profile;
  const stated: [path: string, provenance: Provenance | undefined][] = [
    ["decode.provenance", decode.provenance ?? profile.provenance],
    ["prefill.provenance", prefill.provenance ?? profile.provenance],
    ["mixed.provenance", mixed.provenance],
  ];
  if (overhead !== null) stated.push(["overhead.provenance", overhead.provenance ?? profile.provenance]);
  if (power !== null) {
    const block = power.provenance ?? profile.provenance;
    stated.push(
      ["power.provenance", block],
      ["power.idleUnloadedProvenance", power.idleUnloadedProvenance],
      ["power.idleLoadedProvenance", power.idleLoadedProvenance],
      ["power.prefillProvenance", power.prefillProvenance],
    );
    power.decode.forEach((point, i) => {
      stated.push([`power.decode[${i}].provenance`, point.provenance]);
    });
  }
  profile.points?.forEach((point, i) => {
    stated.push([`points[${i}].provenance`, point.provenance]);
  });
  return stated.flatMap(([path, provenance]) => (provenance === undefined ? [] : [{ path, provenance }]));
}

function checkProvenance(profile: Profile): Finding[] {
  const blocks = blockProvenances(profile);
  const weakest = weakestProvenance(blocks.map((block) => block.provenance));
  if (weakest === profile.provenance) return [];
  const at = blocks.find((block) => block.provenance === weakest);
  const claimsMore = PROVENANCES.indexOf(profile.provenance) < PROVENANCES.indexOf(weakest);
  return [
    {
      level: claimsMore ? "error" : "warning",
      code: "CANOPY_PROFILE_PROVENANCE",
      path: "provenance",
      message: `is "${profile.provenance}": expected "${weakest}", the weakest block (${at?.path})`,
    },
  ];
}

/** A file with anything measured by Canopy names the host, the protocol and the raw records. */
function checkMeasured(profile: Profile): Finding[] {
  const measured = blockProvenances(profile).find((block) => block.provenance === "measured");
  if (measured === undefined) return [];
  const needed = ["host", "measuredAt", "protocol", "points", "raw"] as const;
  const findings = needed
    .filter((key) => profile[key] === undefined)
    .map((key) =>
      error("CANOPY_PROFILE_MEASURED", key, `is missing: ${measured.path} is "measured", which needs it`),
    );
  const { power } = profile;
  if (
    power !== null &&
    (power.provenance ?? profile.provenance) === "measured" &&
    power.energyMethod === undefined
  ) {
    findings.push(
      error(
        "CANOPY_PROFILE_MEASURED",
        "power.energyMethod",
        "is missing: expected counter, integrated or both",
      ),
    );
  }
  if (profile.raw !== undefined && /^([/\\]|[A-Za-z]:)/.test(profile.raw)) {
    findings.push(error("CANOPY_PROFILE_MEASURED", "raw", `"${profile.raw}": expected a relative path`));
  }
  return findings;
}

function error(code: string, path: string, message: string): Finding {
  return { level: "error", code, path, message };
}
