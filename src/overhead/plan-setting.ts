/** The datacentres that planners are timed on: MARLIN's setting, synthetic, at a number of sites. */
import { syntheticShape } from "../datacenter/arrivals.ts";
import { EPOCH_SECONDS, type Setting, settingFrom } from "../datacenter/setting.ts";
import { siteSeries } from "../datacenter/site-series.ts";
import { SITES } from "../datacenter/sites.ts";

const START_SECONDS = Date.UTC(2024, 6, 1) / 1000;
const SEED = 1;

/** Sites beyond the twelve that there are stand where others do, with nodes of their own. */
export async function planSites(count: number, epochs: number): Promise<Setting> {
  const sites = Array.from({ length: count }, (_, d) => {
    const site = SITES[d % SITES.length];
    return d < SITES.length ? site : { ...site, name: `${site.name} ${Math.floor(d / SITES.length) + 1}` };
  });
  const endSeconds = START_SECONDS + epochs * EPOCH_SECONDS;
  const series = await siteSeries(sites, { seed: SEED, startSeconds: START_SECONDS, endSeconds });
  const options = { seed: SEED, startSeconds: START_SECONDS, epochs, history: 96 };
  return settingFrom({ sites, requests: syntheticShape(SEED), series }, options);
}
