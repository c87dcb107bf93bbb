/** The public data sets that Canopy's experiments can use: where a user gets them, on what terms, what reads them. */

/** One file of a data set; `<…>` in its name stands for any text. */
export interface DataFile {
  readonly name: string;
  /** Where the file itself can be fetched; null when it needs an account, a form or a build. */
  readonly url: string | null;
  /** Of the publisher's bytes; null, with the reason in `hashNote`, where no such copy was at hand. */
  readonly sha256: string | null;
  readonly hashNote: string | null;
  /** How its first line begins; null for files without lines. */
  readonly firstLine: string | null;
  /** Rows without the header; null where they vary. */
  readonly rows: number | null;
}

export interface Loader {
  /** Folder and layout, e.g. `workload/azure`. */
  readonly name: string;
  /** How an experiment file names the data. */
  readonly use: string;
  /** What must be done to the publisher's files first. */
  readonly prepare?: string;
}

export interface DataSet {
  readonly id: string;
  readonly kind: "workload" | "carbon" | "price" | "weather" | "factors" | "network" | "profile";
  readonly title: string;
  /** What experiments it serves. */
  readonly serves: string;
  readonly publisher: {
    /** The page a person opens. */
    readonly url: string;
    /** Path inside a repository, and the commit at which it was seen. */
    readonly path: string | null;
    readonly commit: string | null;
  };
  /** Licence or terms, in a few words. */
  readonly terms: string;
  readonly files: readonly DataFile[];
  /** What reads it; null where Canopy holds numbers derived from it instead. */
  readonly loader: Loader | null;
}

const LARGE = "no byte copy at hand: the file is too large for the repositories it was sought in";
const VARIES = "the publisher makes it anew for each zone, year and revision";
const ACCOUNT = "made for each account and request";
const RESHAPED = "only a reshaped copy was at hand when the list was made";

const github = (repository: string) => `https://github.com/${repository}`;
const raw = (repository: string, commit: string, path: string) =>
  `https://raw.githubusercontent.com/${repository}/${commit}/${path}`;

const AZURE = "Azure/AzurePublicDataset";
const AZURE_COMMIT = "b469a113cedca53ddc3bdea71a143dc4b7d8700c";
const AZURE_BLOB = "https://azurepublicdatasettraces.blob.core.windows.net/azurellminfererencetrace";
const AZURE_LINE = "TIMESTAMP,ContextTokens,GeneratedTokens";
const MOONCAKE = "kvcache-ai/Mooncake";
const MOONCAKE_COMMIT = "3b5a594133958449a1feaf1c9e0fc1b553e34a28";
const BURST = "HPMLL/BurstGPT";
const SARATHI = "microsoft/sarathi-serve";
const SARATHI_COMMIT = "72339db5b120614033b317880ad3a05a5e4c9415";
const VIDUR = "microsoft/vidur";
const VIDUR_COMMIT = "7d47513363ec447a741ac5e47241580b47724fbf";
const SUSTAIN = "HewlettPackard/sustain-cluster";
const SUSTAIN_COMMIT = "293fbd152dae52a4b77fee50362b0b61641f16d1";

function azure2023(name: string, sha256: string, rows: number): DataFile {
  const url = raw(AZURE, AZURE_COMMIT, `data/${name}`);
  return { name, url, sha256, hashNote: null, firstLine: AZURE_LINE, rows };
}

function unhashed(
  name: string,
  firstLine: string | null,
  hashNote: string,
  more: { url?: string; rows?: number } = {},
): DataFile {
  return { name, url: more.url ?? null, sha256: null, hashNote, firstLine, rows: more.rows ?? null };
}

export const dataSets: readonly DataSet[] = [
  {
    id: "azure-2023",
    kind: "workload",
    title: "Azure LLM inference trace 2023 (Splitwise), code and conversation, one hour",
    serves: "all systems: real arrivals with prompt and output lengths; CEDAR's second workload",
    publisher: { url: github(AZURE), path: "data/", commit: AZURE_COMMIT },
    terms: "CC-BY 4.0; cite Patel et al., Splitwise, ISCA 2024",
    files: [
      azure2023(
        "AzureLLMInferenceTrace_code.csv",
        "54e9a6d2a4bd06ba1e060304b900abbc74cbea53de96506e60fe5bb4f2277fb6",
        8819,
      ),
      azure2023(
        "AzureLLMInferenceTrace_conv.csv",
        "2f1e5b666d4e3055fdbba98598ce2ec307767b9064e03e2fa46676dbcc7d0bf8",
        19366,
      ),
    ],
    loader: { name: "workload/azure", use: "workload: { trace: AzureLLMInferenceTrace_conv.csv }" },
  },
  {
    id: "azure-2024",
    kind: "workload",
    title: "Azure LLM inference trace 2024 (DynamoLLM), code and conversation, 10-19 May",
    serves: "week-long runs, sweeps over load",
    publisher: { url: github(AZURE), path: "AzureLLMInferenceDataset2024.md", commit: AZURE_COMMIT },
    terms: "CC-BY 4.0; cite Stojkovic et al., DynamoLLM, HPCA 2025",
    files: ["code", "conv"].map((part) => {
      const name = `AzureLLMInferenceTrace_${part}_1week.csv`;
      return unhashed(name, AZURE_LINE, LARGE, { url: `${AZURE_BLOB}/${name}` });
    }),
    loader: { name: "workload/azure", use: "workload: { trace: AzureLLMInferenceTrace_conv_1week.csv }" },
  },
  {
    id: "azure-2025-multimodal",
    kind: "workload",
    title: "Azure multimodal inference trace 2025 (ModServe), 15-22 October 2024",
    serves: "token counts that include images",
    publisher: { url: github(AZURE), path: "AzureLMMInferenceDataset2025.md", commit: AZURE_COMMIT },
    terms: "CC-BY 4.0; cite Qiu et al., ModServe, SoCC 2025",
    files: [unhashed("AzureLMMInferenceTrace_multimodal.csv", "TIMESTAMP,NumImages,ContextTokens", LARGE)],
    loader: {
      name: "workload/azure",
      use: "workload: { trace: AzureLMMInferenceTrace_multimodal.csv }",
      prepare: "gunzip; the column NumImages is not read",
    },
  },
  {
    id: "burstgpt",
    kind: "workload",
    title: "BurstGPT: ChatGPT and GPT-4 requests of a campus, 121 days",
    serves: "MARLIN's arrivals",
    publisher: { url: github(BURST), path: "data/", commit: "5d93d820d9b6bee4e26914df003e5713538164ae" },
    terms: "CC-BY 4.0; cite Wang et al., BurstGPT, 2024",
    files: ["1", "2", "without_fails_1", "without_fails_2"].map((part) =>
      unhashed(`BurstGPT_${part}.csv`, "Timestamp,", LARGE, {
        url: `${github(BURST)}/raw/main/data/BurstGPT_${part}.csv`,
      }),
    ),
    loader: { name: "workload/burstgpt", use: "workload: { trace: BurstGPT_1.csv }" },
  },
  {
    id: "mooncake",
    kind: "workload",
    title: "Mooncake FAST'25 traces (Kimi): conversation, tool and agent, synthetic",
    serves: "long contexts, prefix reuse",
    publisher: { url: github(MOONCAKE), path: "FAST25-release/traces/", commit: MOONCAKE_COMMIT },
    terms: "Apache-2.0; cite Qin et al., Mooncake, FAST 2025",
    files: (
      [
        ["conversation", 12031],
        ["synthetic", 3993],
        ["toolagent", 23608],
      ] as const
    ).map(([part, rows]) => {
      const path = `FAST25-release/traces/${part}_trace.jsonl`;
      const url = raw(MOONCAKE, MOONCAKE_COMMIT, path);
      return unhashed(`${part}_trace.jsonl`, "{", RESHAPED, { url, rows });
    }),
    loader: { name: "workload/mooncake", use: "workload: { trace: conversation_trace.jsonl }" },
  },
  {
    id: "qwen-bailian",
    kind: "workload",
    title: "Qwen usage traces of Alibaba Bailian, anonymous",
    serves: "prefix reuse in chat, API, coding and thinking traffic",
    publisher: {
      url: github("alibaba-edu/qwen-bailian-usagetraces-anon"),
      path: "",
      commit: "0b4273a1d8a83935b9d9356e78f95c31f2ac64cf",
    },
    terms: "Apache-2.0; cite Wang et al., KVCache Cache in the Wild, USENIX ATC 2025",
    files: [unhashed("qwen_<part>_blksz_16.jsonl", "{", "kept in Git LFS; no byte copy at hand")],
    loader: {
      name: "workload/mooncake",
      use: "workload: { trace: FILE }",
      prepare:
        "multiply timestamp by 1000 (to milliseconds) and drop hash_ids: its blocks have 16 tokens, not 512",
    },
  },
  {
    id: "sharegpt-lengths",
    kind: "workload",
    title: "ShareGPT conversations as prompt and output lengths (Sarathi-Serve, Llama-2 tokens)",
    serves: "CAPS's lengths; no arrival times",
    publisher: { url: github(SARATHI), path: "data/processed_traces/", commit: SARATHI_COMMIT },
    terms: "Apache-2.0",
    files: [
      unhashed(
        "sharegpt_8k_filtered_stats_llama2_tokenizer.csv",
        "num_prefill_tokens,num_decode_tokens",
        RESHAPED,
        {
          url: raw(
            SARATHI,
            SARATHI_COMMIT,
            "data/processed_traces/sharegpt_8k_filtered_stats_llama2_tokenizer.csv",
          ),
          rows: 30731,
        },
      ),
    ],
    loader: {
      name: "workload/generic",
      use: "workload: { trace: FILE, columns: { prompt_tokens: num_prefill_tokens, output_tokens: num_decode_tokens } }",
      prepare: "it has no arrival times: add a column arrival_s",
    },
  },
  {
    id: "arxiv-lengths",
    kind: "workload",
    title: "arXiv summarization as prompt and output lengths (Vidur, Llama-2 tokens)",
    serves: "long prompts with short answers; no arrival times",
    publisher: { url: github(VIDUR), path: "data/processed_traces/", commit: VIDUR_COMMIT },
    terms: "MIT",
    files: [
      unhashed("arxiv_summarization_stats_llama2_tokenizer_filtered_v2.csv", "num_prefill_tokens", RESHAPED, {
        url: raw(
          VIDUR,
          VIDUR_COMMIT,
          "data/processed_traces/arxiv_summarization_stats_llama2_tokenizer_filtered_v2.csv",
        ),
        rows: 28257,
      }),
    ],
    loader: {
      name: "workload/generic",
      use: "workload: { trace: FILE, columns: { prompt_tokens: num_prefill_tokens, output_tokens: num_decode_tokens } }",
      prepare: "it has no arrival times: add a column arrival_s",
    },
  },
  {
    id: "claude-code-sessions",
    kind: "workload",
    title: "Agentic coding sessions (Claude Code), 739 anonymous sessions",
    serves: "CEDAR's agentic sessions; Canopy's session defaults are fitted to 710 of them",
    publisher: {
      url: github("callanjfox/kv-cache-tester"),
      path: "traces/",
      commit: "94f6046dfd9c0c8bc0cdb24a5aa6579bac8669bf",
    },
    terms: "Apache-2.0",
    files: [unhashed("trace_<number>.json", null, "739 files, not listed one by one")],
    loader: {
      name: "workload/agent-sessions",
      use: "workload: { trace: requests.csv }",
      prepare: "make one CSV row of each request: session, agent, seq, t_s, input_tokens, output_tokens, …",
    },
  },
  {
    id: "electricity-maps-yearly",
    kind: "carbon",
    title: "Electricity Maps, hourly average intensity by zone and year, direct and life cycle",
    serves: "CAPS's week (US-CAL-CISO 2024), MARLIN's sites, GAR",
    publisher: { url: "https://app.electricitymaps.com/datasets", path: null, commit: null },
    terms: "Electricity Maps' terms: free for academic use with attribution, not to be redistributed",
    files: [unhashed("<zone>_<year>_hourly.csv", "Datetime (UTC),Country,Zone ", VARIES)],
    loader: {
      name: "signal/electricity-maps",
      use: "signals: { carbon: { us-west-1: { path: US-CAL-CISO_2024_hourly.csv, accounting: lifecycle } } }",
    },
  },
  {
    id: "watttime",
    kind: "carbon",
    title: "WattTime, marginal intensity (MOER) every 5 minutes, and its forecasts",
    serves: "CEDAR's signal as the paper has it; the free plan has CAISO_NORTH",
    publisher: { url: "https://docs.watttime.org", path: null, commit: null },
    terms: "WattTime's terms: an account; not to be redistributed",
    files: [unhashed("<region>_co2_moer_<start>_<end>.csv", "point_time,value", ACCOUNT)],
    loader: {
      name: "signal/watttime",
      use: "signals: { signal: marginal, carbon: { us-west-1: { path: CAISO_NORTH_co2_moer_….csv } } }",
    },
  },
  {
    id: "eirgrid",
    kind: "carbon",
    title: "EirGrid, CO2 intensity of Ireland every 15 minutes, direct average",
    serves: "CEDAR's eu-west-1",
    publisher: {
      url: github("Daniel-Parke/EirGrid_Data"),
      path: "Downloaded_Data/ROI/",
      commit: "7219fe97e29ade84ea086cc4845fbd28c33bfbaf",
    },
    terms: "none stated in the repository; the data are EirGrid's (www.smartgriddashboard.com)",
    files: [unhashed("ROI_co2intensity_<year>_Eirgrid.csv", null, RESHAPED)],
    loader: {
      name: "signal/generic",
      use: "signals: { carbon: { eu-west-1: { path: FILE, timeZone: Europe/Dublin, fill: hold, fillLimitS: 43200 } } }",
      prepare:
        "it has no header, writes 01-Jan-2024 00:00:00, and its months overlap: make it local_time,value, once each",
    },
  },
  {
    id: "eia-930-2022",
    kind: "carbon",
    title: "US balancing areas 2022, hourly generation mix and average intensity (EIA-930)",
    serves: "CEDAR's us-west-2 as BPA's own generation",
    publisher: {
      url: github("HewlettPackard/dc-rl"),
      path: "data/CarbonIntensity/",
      commit: "a92b4755aca560e34a98d14028dda629eb968482",
    },
    terms:
      "MIT; EIA's data are in the public domain. PJM has missing hours and values below 200 that are wrong",
    files: [unhashed("<area>_NG_&_avgCI.csv", "timestamp,", RESHAPED)],
    loader: {
      name: "signal/generic",
      use: 'signals: { carbon: { us-west-2: { path: "BPAT_NG_&_avgCI.csv", column: avg_CI } } }',
    },
  },
  {
    id: "sustain-cluster-carbon",
    kind: "carbon",
    title: "Electricity Maps hourly 2021-2024 for 16 zones, as kept by sustain-cluster",
    serves: "CAPS, MARLIN, GAR, where Electricity Maps' own page cannot be used",
    publisher: { url: github(SUSTAIN), path: "data/carbon_intensity/", commit: SUSTAIN_COMMIT },
    terms: "the repository says MIT; the numbers stay under Electricity Maps' terms",
    files: [unhashed("<zone>_<year>_hourly.csv", "Datetime (UTC),Country,Zone ", RESHAPED)],
    loader: {
      name: "signal/electricity-maps",
      use: "signals: { carbon: { us-west-1: { path: US-CAL-CISO_2024_hourly.csv } } }",
    },
  },
  {
    id: "carboncast",
    kind: "carbon",
    title: "CarbonCast: intensity and its 96-hour forecasts, several grids to 2023",
    serves: "the error of CAPS's forecaster",
    publisher: {
      url: github("carbonfirst/CarbonCast"),
      path: "data/<grid>/",
      commit: "8eaf9ac6d0f6c8353399422cf53028a3f4876d37",
    },
    terms: "see the repository; cite Maji et al., CarbonCast, BuildSys 2022",
    files: [
      unhashed(
        "<grid>_<lifecycle or direct>_emissions.csv",
        null,
        "the repository holds 1.15 GB; no byte copy at hand",
      ),
    ],
    loader: {
      name: "signal/generic",
      use: "signals: { carbon: { us-west-1: { path: CISO_lifecycle_emissions.csv, column: … } } }",
      prepare: "its forecast files repeat each hour in overlapping windows and are not read",
    },
  },
  {
    id: "electricity-prices",
    kind: "price",
    title: "Hourly wholesale electricity prices 2023 and 2024, 22 zones",
    serves: "MARLIN's energy cost, CEDAR's prices",
    publisher: { url: github(SUSTAIN), path: "data/electricity_prices/", commit: SUSTAIN_COMMIT },
    terms:
      "MIT; sources by zone in its README. Its standardized CISO, PJM and NYIS columns are 4-8 h late: use processed/",
    files: [unhashed("<zone>_<year>.csv", null, RESHAPED)],
    loader: {
      name: "signal/generic",
      use: "signals: { price: { us-east-1: { path: FILE, column: …, unit: usd/MWh } } }",
    },
  },
  {
    id: "open-meteo",
    kind: "weather",
    title: "Hourly temperature and humidity (Open-Meteo historical API)",
    serves: "MARLIN's water and cooling: wet bulb",
    publisher: { url: "https://open-meteo.com/en/docs/historical-weather-api", path: null, commit: null },
    terms: "CC-BY 4.0; no key for non-commercial use",
    files: [unhashed("<place>.csv", null, "made for each request")],
    loader: null,
  },
  {
    id: "emission-water-factors",
    kind: "factors",
    title: "Emission and water factors by technology, yearly mix by zone",
    serves: "MARLIN's carbon and water from a mix",
    publisher: {
      url: github("electricitymaps/electricitymaps-contrib"),
      path: "config/",
      commit: "b354f28aad434182bf591c51481e7eded62306cf",
    },
    terms: "AGPL-3.0 repository: the numbers are used and their sources cited (IPCC 2014, Macknick 2012)",
    files: [unhashed("<zone>.yaml", null, "one file for each zone")],
    loader: null,
  },
  {
    id: "aws-round-trips",
    kind: "network",
    title: "Median round-trip times between 32 AWS regions (cloudping.co over a year)",
    serves: "all routing between regions",
    publisher: {
      url: github("oaustegard/oaustegard.github.io"),
      path: "web-utilities/aws-ping-p50-1y.json",
      commit: "822f8adc2f0c6507790a019946bb466cb9f3adb0",
    },
    terms: "Apache-2.0",
    files: [unhashed("aws-ping-p50-1y.json", null, RESHAPED)],
    loader: null,
  },
  {
    id: "aiconfigurator-kernels",
    kind: "profile",
    title: "Times of products, attention and all-reduces on A100-80GB and H100 (NVIDIA aiconfigurator)",
    serves: "profiles composed from kernels",
    publisher: {
      url: github("ai-dynamo/aiconfigurator"),
      path: "aic-core/src/aiconfigurator_core/systems/data/<system>/{gemm,attention,comm}/vllm/0.14.0/",
      commit: "095f58a51c4ca8e61b66ec108d86f223f8d559ce",
    },
    terms: "Apache-2.0",
    files: [unhashed("<kernel>_perf.parquet", null, "its tables were at hand as CSV only")],
    loader: {
      name: "profile/derive",
      use: "canopy profile derive --tables FOLDER, canopy profile import aiconfigurator FILE...",
      prepare: "each parquet file as CSV with the same columns; weight-only products from trtllm/1.0.0",
    },
  },
  {
    id: "vidur-operators",
    kind: "profile",
    title: "Times of a layer's operators and of all-reduces on A100, H100 and A40 (vidur)",
    serves: "profiles of Llama-2 and Llama-3, without attention",
    publisher: { url: github(VIDUR), path: "data/profiling/", commit: VIDUR_COMMIT },
    terms: "MIT",
    files: [
      unhashed("mlp.csv", "time_stats.emb.min,", RESHAPED),
      unhashed("all_reduce.csv", ",time_stats.all_reduce.min,", RESHAPED),
    ],
    loader: { name: "profile/import", use: "canopy profile import vidur mlp.csv all_reduce.csv" },
  },
  {
    id: "splitwise-sim",
    kind: "profile",
    title: "End-to-end times of llama2-70b and bloom-176b on A100 and H100, power on A100 (splitwise-sim)",
    serves: "MARLIN's Splitwise baseline, power of composed profiles",
    publisher: {
      url: github("Mutinifni/splitwise-sim"),
      path: "data/perf_model.csv",
      commit: "8f99e7dc9b407f4ce2488d03dd44c0b8b946dab0",
    },
    terms: "MIT",
    files: [
      unhashed("perf_model.csv", "model,hardware,prompt_size,batch_size,token_size,", RESHAPED, {
        rows: 1260,
      }),
    ],
    loader: { name: "profile/import", use: "canopy profile import splitwise-sim perf_model.csv" },
  },
  {
    id: "llm-inference-bench",
    kind: "profile",
    title: "Latencies, times to first token and power of static batches, A100 and H100 (LLM-Inference-Bench)",
    serves: "calibration of prefill and power of composed profiles",
    publisher: {
      url: github("argonne-lcf/LLM-Inference-Bench"),
      path: "Plots/All_results.csv, Plots/Fig_22/all_results_TTFT_ITL.csv, Plots/Fig_16_a_b/power_results.csv",
      commit: "4211f5d4e9bc0145ed541b6d372d5d8223b44235",
    },
    terms: "BSD-3-Clause",
    files: [
      unhashed("All_results.csv", "Hardware,Num of Hardware,Framework,Model,", RESHAPED),
      unhashed(
        "all_results_TTFT_ITL.csv",
        "Hardware,Num of Hardware,Framework,Model,Input Length,",
        RESHAPED,
      ),
      unhashed("power_results.csv", "Hardware,Num of Hardware,Framework,Model,", RESHAPED),
    ],
    loader: { name: "profile/import", use: "canopy profile import llm-inference-bench FILE..." },
  },
  {
    id: "mlenergy-leaderboard",
    kind: "profile",
    title: "Inter-token times and power of steady serving on H100 and B200 (ML.ENERGY leaderboard v3)",
    serves: "the engine's overhead and power of composed profiles",
    publisher: {
      url: github("ml-energy/leaderboard"),
      path: "public/data/models/<model>__<task>.json",
      commit: "0cd52dab897c5d91a45f4d413038f3b8b4251b0f",
    },
    terms: "no licence in the repository: ask, or cite, before passing it on",
    files: [unhashed("<model>__<task>.json", null, RESHAPED)],
    loader: {
      name: "profile/import",
      use: "canopy profile import mlenergy FILE",
      prepare: "the scalar fields of each entry of `configurations` as a row of a CSV file",
    },
  },
];
