import { expect, test } from "vitest";
import { PowerTimeline } from "../../src/metrics/power-timeline.ts";

test("watts of each group, the last bucket over its own length", () => {
  const timeline = new PowerTimeline([0, 1, 1], 2);
  const [first, second, third] = [0, 1, 2].map((endpoint) => timeline.watcher(endpoint));
  first.power(0, 0.05, 300, true);
  first.power(0.05, 0.25, 100, false);
  second.power(0, 0.25, 50, false);
  third.power(0.2, 0.25, 400, true);
  first.host(0, 0.25, 10);
  const { widthSeconds, endSeconds, gpuWatts, serverWatts } = timeline.series(0.25);
  expect([widthSeconds, endSeconds]).toEqual([0.1, 0.25]);
  // 300 W for half of the first bucket.
  expect(gpuWatts).toEqual([
    [150, 0, 0],
    [0, 0, 400],
  ]);
  expect(serverWatts).toEqual([
    [210, 110, 110],
    [50, 50, 450],
  ]);
});

test("a group whose power is not known somewhere is null at that boundary alone", () => {
  const timeline = new PowerTimeline([0, 1], 2);
  timeline.watcher(0).power(0, 1, Number.NaN, false);
  timeline.watcher(0).power(1, 2, 200, true);
  timeline.watcher(1).power(0, 2, 100, false);
  const { gpuWatts, serverWatts } = timeline.series(2);
  expect(gpuWatts.map((watts) => watts?.length)).toEqual([20, 20]);
  expect(serverWatts.map((watts) => watts?.length)).toEqual([undefined, 20]);
});
