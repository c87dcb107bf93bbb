import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ExperimentResult } from "../../src/experiment/result.ts";
import { writeReport } from "../../src/report/html/write-report.ts";
import { tablesFileText } from "../../src/report/tables-file.ts";
import { sampleResult } from "../report/sample-result.ts";
import { sampleTable } from "../report/sample-table.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { findChromium } from "./find-chromium.ts";

const RESULTS = fileURLToPath(new URL("../../results/", import.meta.url));
const found = findChromium();
if ("reason" in found) process.stdout.write(`the report is not tested in a browser: ${found.reason}\n`);

const SECTIONS = ["leaderboard", "papers", "pareto", "latency", "time", "routers", "sheets", "provenance"];
const WIDE = { viewport: { width: 1280, height: 900 } };
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };
const HOSTILE = `<script>window.broken=1</script>"><img src=x onerror="window.broken=2">`;

/** In the page: contrast of words with their ground, by WCAG 2.2's definition. */
const CONTRASTS = `(() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map((text) => {
      const share = Number(text) / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (a, b) => (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  return [...document.querySelectorAll("main p, main td, main .badge, main a, nav a")].map((node) => {
    let holder = node;
    let ground = "rgba(0, 0, 0, 0)";
    while (holder !== null && ground.startsWith("rgba")) {
      ground = getComputedStyle(holder).backgroundColor;
      holder = holder.parentElement;
    }
    return ratio(light(getComputedStyle(node).color), light(ground));
  });
})()`;

describe.skipIf("reason" in found)("the report in Chromium", () => {
  let browser: Browser;
  let file: string;
  const complaints: string[] = [];
  const requests: string[] = [];

  beforeAll(async () => {
    const folder = temporaryFolder("browser");
    // Every string that a page shows, hostile.
    const source = join(RESULTS, "cedar", "cedar-table-1");
    const result = JSON.parse(readFileSync(join(source, "result.json"), "utf8")) as ExperimentResult;
    const [first, ...others] = result.rows;
    const about = { ...first.about, family: HOSTILE, group: HOSTILE, status: HOSTILE, source: HOSTILE };
    const hostile = {
      ...result,
      experiment: HOSTILE,
      description: HOSTILE,
      paper: HOSTILE,
      rows: [{ ...first, router: HOSTILE, id: HOSTILE, about, notes: [HOSTILE] }, ...others],
    };
    mkdirSync(join(folder, "hostile"));
    writeFileSync(join(folder, "hostile", "result.json"), JSON.stringify(hostile));
    const { result: sample } = await sampleResult(["seeds=1"]);
    mkdirSync(join(folder, "sample"));
    writeFileSync(join(folder, "sample", "result.json"), JSON.stringify(sample));
    // As results were before power was kept over time.
    const older = {
      ...sample,
      experiment: "older",
      rows: sample.rows.map((row) => {
        const { power: _, ...timeline } = row.timeline as NonNullable<typeof row.timeline>;
        return { ...row, timeline };
      }),
    };
    mkdirSync(join(folder, "older"));
    writeFileSync(join(folder, "older", "result.json"), JSON.stringify(older));
    const sheet = {
      ...sampleTable,
      title: HOSTILE,
      caption: HOSTILE,
      columns: sampleTable.columns.map((column) => ({ ...column, header: HOSTILE })),
      notes: [HOSTILE],
    };
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9" onload="window.broken=3"/>';
    mkdirSync(join(folder, "tables"));
    writeFileSync(join(folder, "tables", "figure-a.svg"), svg);
    const text = tablesFileText(HOSTILE, `hostile ${HOSTILE}`, [sheet], [{ file: "figure-a.svg", svg }]);
    writeFileSync(join(folder, "tables", "tables.json"), text);
    file = join(folder, "report.html");
    const cedar = join(RESULTS, "cedar");
    await writeReport(
      [
        source,
        join(cedar, "cedar-day"),
        join(RESULTS, "cross"),
        join(RESULTS, "gar"),
        join(RESULTS, "overhead"),
        folder,
      ],
      file,
    );
    browser = await chromium.launch({
      executablePath: "path" in found ? found.path : "",
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    });
  }, 60_000);
  afterAll(() => browser?.close());
  afterEach(() => {
    expect(complaints.splice(0), "errors and warnings of the console").toEqual([]);
    expect(requests.splice(0), "requests to other places than the file").toEqual([]);
  });

  async function open(options: BrowserContextOptions, section = ""): Promise<Page> {
    const page = await (await browser.newContext(options)).newPage();
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    const address = pathToFileURL(file).href;
    page.on("request", (request) => {
      if (!request.url().startsWith(address)) requests.push(request.url());
    });
    await page.goto(`${address}${section === "" ? "" : `#${section}`}`);
    await page.waitForSelector("html[data-ready]");
    return page;
  }

  const texts = (page: Page, column: number) =>
    page.locator(`#section-leaderboard tbody tr > :nth-child(${column})`).allTextContents();

  async function columnOf(page: Page, title: string): Promise<number> {
    const titles = await page.locator("#section-leaderboard thead th").allTextContents();
    const at = titles.findIndex((text) => text.startsWith(title));
    expect(at, `${title} among ${titles.join(", ")}`).toBeGreaterThanOrEqual(0);
    return at + 1;
  }

  test.each(SECTIONS)(
    "%s opens without a complaint, and nothing of a result is read as markup",
    async (id) => {
      const page = await open(WIDE, id);
      expect(await page.locator(`#section-${id}`).isVisible()).toBe(true);
      expect((await page.locator(`#section-${id}`).textContent())?.length).toBeGreaterThan(40);
      expect(await page.locator("nav a[aria-current]").count()).toBe(1);
      expect(await page.evaluate("window.broken")).toBeUndefined();
      expect(await page.locator('#page script, #page img:not([src^="data:image/svg+xml"])').count()).toBe(0);
    },
  );

  test("a head sorts its column, up and down, missing values last", async () => {
    const page = await open(WIDE);
    const column = await columnOf(page, "carbon per request");
    const head = page.locator(`#section-leaderboard thead th:nth-child(${column})`);
    const numbers = async () => (await texts(page, column)).map((text) => Number(text.replaceAll(",", "")));
    await head.getByRole("button").click();
    expect(await head.getAttribute("aria-sort")).toBe("ascending");
    const known = (await numbers()).filter((value) => !Number.isNaN(value));
    expect(known.length).toBeGreaterThan(50);
    expect(known).toEqual([...known].sort((a, b) => a - b));
    const up = await numbers();
    expect(up.slice(known.length).every(Number.isNaN)).toBe(true);
    await head.getByRole("button").click();
    expect(await head.getAttribute("aria-sort")).toBe("descending");
    const down = (await numbers()).filter((value) => !Number.isNaN(value));
    expect(down).toEqual([...down].sort((a, b) => b - a));
  });

  test("filters keep the rows that fit, and only those", async () => {
    const page = await open(WIDE);
    const board = page.locator("#section-leaderboard");
    const total = (await texts(page, 1)).length;
    await board.getByLabel("experiment", { exact: true }).selectOption("routers-on-cedar-fleet");
    const fleet = await texts(page, 2);
    expect(new Set(fleet)).toEqual(new Set(["routers-on-cedar-fleet"]));
    expect(fleet.length).toBeLessThan(total);
    await board.getByLabel("family", { exact: true }).selectOption("caps");
    const family = await columnOf(page, "family");
    expect(new Set(await texts(page, family))).toEqual(new Set(["caps"]));
    await board.getByLabel("find").fill("caps-no-");
    const names = await texts(page, 1);
    expect(names.length).toBeGreaterThan(1);
    expect(names.every((name) => name.startsWith("caps-no-"))).toBe(true);
    await board.getByLabel("find").fill("no router is called so");
    expect(await texts(page, 1)).toEqual([]);
  });

  test("has metric keeps rows that have it, and gives it a column", async () => {
    const page = await open(WIDE);
    await page.locator("#section-leaderboard").getByLabel("has metric").selectOption("accuracy_macro");
    const column = await columnOf(page, "accuracy macro");
    const shown = await texts(page, column);
    expect(shown.length).toBeGreaterThan(5);
    expect(shown).not.toContain("–");
  });

  test("the keyboard reaches sections, filters and heads", async () => {
    const page = await open(WIDE);
    const focused = (): Promise<string> =>
      page.evaluate("document.activeElement.tagName + ' ' + document.activeElement.textContent");
    const reached: string[] = [];
    for (let i = 0; i < 24; i++) {
      await page.keyboard.press("Tab");
      reached.push(await focused());
    }
    expect(reached[0]).toMatch(/^BUTTON (Light|Dark)$/);
    for (const title of ["A Leaderboard", "A Paper and run", "A Provenance"])
      expect(reached).toContain(title);
    expect(reached.some((text) => text.startsWith("INPUT"))).toBe(true);
    expect(reached.some((text) => text.startsWith("SELECT"))).toBe(true);
    const heads = reached.findIndex((text) => text.startsWith("BUTTON router"));
    expect(heads).toBeGreaterThan(0);
    for (let i = 23; i > heads; i--) await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Enter");
    expect(await focused()).toBe("BUTTON router ▲");
    await page.locator("nav a", { hasText: "Pareto" }).focus();
    await page.keyboard.press("Enter");
    await page.locator("#section-pareto .chart").waitFor({ state: "visible" });
  });

  test("the Pareto front is of rows that none beats", async () => {
    const page = await open(WIDE, "pareto");
    const rows = await page
      .locator("#section-pareto tbody tr")
      .evaluateAll((list) => list.map((row) => [...row.children].map((cell) => cell.textContent ?? "")));
    const points = rows.map(([name, x, y, front]) => ({ name, x: Number(x), y: Number(y), front }));
    // In both metrics: with three digits a row may be shown as equal that is not.
    const better = (a: (typeof points)[number], b: (typeof points)[number]) => a.x < b.x && a.y < b.y;
    expect(points.length).toBeGreaterThan(10);
    for (const point of points) {
      const beaten = points.some((other) => better(other, point));
      if (beaten) expect(point.front, point.name).toBe("no");
    }
    const front = points.filter((point) => point.front === "yes");
    expect(front.length).toBeGreaterThan(2);
    expect(await page.locator("#section-pareto .chart path.own").count()).toBe(points.length);
  });

  test("of many rows the chart names the front and the leading ones, clear of each other", async () => {
    for (const options of [WIDE, PHONE]) {
      const page = await open(options, "pareto");
      const pareto = page.locator("#section-pareto");
      await pareto.getByLabel("experiment", { exact: true }).selectOption({ label: "cross-base" });
      const names = pareto.locator(".chart .name");
      const texts = await names.allTextContents();
      expect(texts.length).toBeGreaterThan(options === WIDE ? 10 : 5);
      expect(texts.length).toBeLessThan(25);
      expect(texts).toContain("cedar-heuristic = cedar");
      const boxes = await names.evaluateAll((list) =>
        list.map((node) => {
          const { left, right, top, bottom } = node.getBoundingClientRect();
          // The height of a line is more than that of its letters.
          return { left: left + 1, right: right - 1, top: top + 2, bottom: bottom - 2 };
        }),
      );
      for (const [i, a] of boxes.entries()) {
        for (const [j, b] of boxes.slice(i + 1).entries()) {
          const meet = a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;
          expect(meet, `${texts[i]} and ${texts[i + 1 + j]}`).toBe(false);
        }
      }
      await pareto.getByLabel("axes", { exact: true }).selectOption("linear");
      expect(await pareto.locator(".chart .axis").allTextContents()).toEqual([
        "carbon per request (g), lower is better",
        "SLO violation (%), lower is better",
      ]);
    }
  });

  test("of many curves the leading ones are drawn at first, and all or none if one asks", async () => {
    const page = await open(WIDE, "latency");
    const latency = page.locator("#section-latency");
    await latency.getByLabel("experiment", { exact: true }).selectOption({ label: "cross-base" });
    const drawn = () => latency.locator(".chart path.line").count();
    const ticked = () => latency.locator(".key input:checked").count();
    const total = await latency.locator(".key input").count();
    expect(total).toBe(53);
    const first = await drawn();
    expect(first).toBeGreaterThan(5);
    expect(first).toBeLessThan(25);
    expect(await ticked()).toBe(first);
    for (const [button, count] of [
      ["all", total],
      ["none", 0],
      ["leading", first],
    ] as const) {
      await latency.getByRole("button", { name: button, exact: true }).click();
      expect([await drawn(), await ticked()]).toEqual([count, count]);
    }
  });

  test("heads stay in sight while a table is read", async () => {
    const page = await open(WIDE);
    const scroller = page.locator("#section-leaderboard .scroller");
    const head = page.locator("#section-leaderboard thead th").first();
    const before = (await head.boundingBox())?.y;
    await scroller.evaluate((node) => {
      node.scrollTop = 2000;
    });
    expect((await head.boundingBox())?.y).toBe(before);
    expect(await scroller.evaluate((node) => node.scrollTop)).toBe(2000);
  });

  test("power over time at both boundaries; a result without it says so", async () => {
    const page = await open(WIDE, "time");
    const time = page.locator("#section-time");
    await time.getByLabel("run", { exact: true }).selectOption({ label: "sample: cedar" });
    const titles = await time.locator("h3").allTextContents();
    expect(titles).toEqual([
      "Load",
      "Weights: shares of the placements",
      "Power of servers: GPUs working and idle, and their hosts",
      "Power of GPUs while they work",
      "Carbon intensity",
    ]);
    for (const place of [2, 3]) {
      const chart = time.locator(".block").nth(place);
      expect(await chart.locator(".key label").allTextContents()).toEqual(["here/big", "there/small", "all"]);
      expect(await chart.locator(".chart .axis").allTextContents()).toEqual(["time", "power (W)"]);
      const paths = await chart
        .locator(".chart path.line")
        .evaluateAll((list) => list.map((path) => path.getAttribute("d") ?? ""));
      expect(paths).toHaveLength(3);
      expect(paths.join(" ")).not.toMatch(/NaN|undefined/);
    }
    await time.getByLabel("run", { exact: true }).selectOption({ label: "older: cedar" });
    expect(await time.locator("h3").count()).toBe(3);
    expect(await time.textContent()).toContain("Power: this result was made before it was kept over time.");
  });

  test("a router's name leads to its section", async () => {
    const page = await open(WIDE);
    await page
      .locator("#section-leaderboard tbody a", { hasText: /^gar-pd$/ })
      .first()
      .click();
    await page.locator("#section-routers").waitFor({ state: "visible" });
    expect(await page.locator("#section-routers h3").textContent()).toContain("gar-pd");
    expect(await page.locator("#section-routers dl").first().textContent()).toContain("GAR");
  });

  test("tables of other commands: one is shown at a time, with its figures, and sorts", async () => {
    const page = await open(WIDE, "sheets");
    const section = page.locator("#section-sheets");
    const choose = section.getByLabel("of command", { exact: true });
    const titles = await choose.locator("option").allTextContents();
    expect(titles.filter((title) => !title.startsWith("hostile"))).toEqual([
      "Capacity: cross-capacity",
      "Leaderboard: cross-base",
      "Overhead of the routers",
    ]);
    await choose.selectOption({ label: "Leaderboard: cross-base" });
    expect(await section.locator(".sheet:visible").count()).toBe(1);
    const shown = section.locator(".sheet:visible");
    expect(await shown.locator("h3").textContent()).toEqual(
      expect.stringMatching(/^Leaderboard: cross-base canopy leaderboard, .*results\/cross\/leaderboard$/),
    );
    const widths = await shown
      .locator("img")
      .evaluateAll((list) =>
        list.map((image) => (image as unknown as { naturalWidth: number }).naturalWidth),
      );
    expect(widths).toEqual([720, 720]);
    const table = shown.locator("table").first();
    const scores = async () =>
      (await table.locator("tbody tr > :nth-child(3)").allTextContents()).map(Number).slice(0, 5);
    await table.getByRole("button", { name: "score" }).click();
    const up = await scores();
    expect(up).toEqual([...up].sort((a, b) => a - b));
    await table.getByRole("button", { name: "score" }).click();
    expect((await scores())[0]).toBeGreaterThan(up[4]);
    expect(await shown.getByRole("link", { name: "leaderboard.csv" }).getAttribute("href")).toMatch(
      /results\/cross\/leaderboard\/leaderboard\.csv$/,
    );
  });

  test.each(SECTIONS)("%s fits a phone", async (id) => {
    const page = await open(PHONE, id);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(360);
    // The section that is shown can be read among the others, which scroll.
    const box = await page.locator("nav a[aria-current]").boundingBox();
    expect(box?.x).toBeGreaterThanOrEqual(0);
    expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(360);
  });

  test("follows the system's theme until the reader chooses", async () => {
    const page = await open({ ...WIDE, colorScheme: "dark" });
    const ground = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    expect(await ground()).toBe("rgb(20, 23, 27)");
    await page.getByRole("button", { name: "Switch to the light theme" }).click();
    expect(await ground()).toBe("rgb(255, 255, 255)");
  });

  test("words stand out from their ground in either theme", async () => {
    for (const colorScheme of ["light", "dark"] as const) {
      const page = await open({ ...WIDE, colorScheme }, "papers");
      const ratios: number[] = await page.evaluate(CONTRASTS);
      expect(Math.min(...ratios), colorScheme).toBeGreaterThanOrEqual(4.5);
    }
  });

  test("prints every section, without what only works on a screen", async () => {
    const page = await open(WIDE);
    await page.emulateMedia({ media: "print" });
    await page.evaluate('dispatchEvent(new Event("beforeprint"))');
    for (const id of SECTIONS) expect(await page.locator(`#section-${id}`).isVisible(), id).toBe(true);
    expect(await page.locator("nav").isVisible()).toBe(false);
    expect(await page.locator(".fields").first().isVisible()).toBe(false);
    expect((await page.pdf({ format: "A4" })).byteLength).toBeGreaterThan(50_000);
  });

  test("no table is wider than the printed page", async () => {
    // A4 landscape less its margins, at 96 pixels an inch.
    const width = Math.floor(((297 - 2 * 12) / 25.4) * 96);
    const page = await open({ viewport: { width, height: 700 } });
    // Of committed results alone: the hostile words are one long word each.
    const own = join(temporaryFolder("printed"), "report.html");
    await writeReport(
      ["cross", "gar", "caps", "overhead"].map((name) => join(RESULTS, name)),
      own,
    );
    page.removeAllListeners("request");
    await page.goto(pathToFileURL(own).href);
    await page.waitForSelector("html[data-ready]");
    await page.emulateMedia({ media: "print" });
    await page.evaluate('dispatchEvent(new Event("beforeprint"))');
    expect(await page.locator(".sheet h3").count()).toBe(3);
    const wide = await page.evaluate(
      `[...document.querySelectorAll("main table")].filter((table) => table.getBoundingClientRect().right > innerWidth).map((table) => table.caption?.textContent)`,
    );
    expect(wide).toEqual([]);
  });
});
