/** The page: sections that are made when they are first seen. */
import { comparisonSection } from "./comparison.js";
import { readData } from "./data.js";
import { element } from "./dom.js";
import { latencySection } from "./latency.js";
import { leaderboard } from "./leaderboard.js";
import { paretoSection } from "./pareto.js";
import { provenanceSection } from "./provenance.js";
import { routersSection } from "./routers.js";
import { sheetsSection } from "./sheets.js";
import { themeSwitch } from "./theme.js";
import { timelineSection } from "./timeline.js";

async function start() {
  const data = await readData();
  const routers = data.routers.length === 0 ? undefined : routersSection(data);
  const sheets = sheetsSection(data);
  const sections = [
    { id: "leaderboard", title: "Leaderboard", make: () => leaderboard(data) },
    { id: "papers", title: "Paper and run", make: () => comparisonSection(data) },
    { id: "pareto", title: "Pareto", make: () => paretoSection(data) },
    { id: "latency", title: "Latency", make: () => latencySection(data) },
    { id: "time", title: "Over time", make: () => timelineSection(data) },
    { id: "routers", title: "Routers", make: () => routers?.node ?? element("p", {}, "None.") },
    { id: "sheets", title: "Tables", make: () => sheets.node },
    { id: "provenance", title: "Provenance", make: () => provenanceSection(data) },
  ]
    .filter(({ id }) => (id === "sheets" ? data.sheets : data.results).length > 0)
    .map((section) => ({
      ...section,
      made: false,
      link: element("a", { href: `#${section.id}` }, section.title),
      node: element(
        "section",
        { id: `section-${section.id}`, "aria-label": section.title, hidden: true, tabindex: "-1" },
        element("h2", {}, section.title),
      ),
    }));

  const nav = element("nav", { "aria-label": "Sections" }, ...sections.map(({ link }) => link));

  const fill = (section) => {
    if (section.made) return;
    section.made = true;
    section.node.append(section.make());
    if (section.id === "routers" && routers !== undefined) routers.show(routers.first);
    if (section.id === "sheets") sheets.show(0);
  };

  const show = (focus) => {
    const [, router] = /^#router-(\d+)$/.exec(location.hash) ?? [];
    const wanted = router === undefined ? location.hash.slice(1) : "routers";
    const current = sections.find(({ id }) => id === wanted) ?? sections[0];
    for (const section of sections) {
      section.node.hidden = section !== current;
      if (section === current) section.link.setAttribute("aria-current", "page");
      else section.link.removeAttribute("aria-current");
    }
    // Not scrollIntoView: in some browsers it moves where the Tab key begins.
    nav.scrollLeft = current.link.offsetLeft - (nav.clientWidth - current.link.offsetWidth) / 2;
    fill(current);
    if (router !== undefined && data.routers[Number(router)] !== undefined) routers?.show(Number(router));
    if (focus) current.node.focus({ preventScroll: true });
  };

  const runs = data.rows.done.reduce((sum, count) => sum + count, 0);
  document
    .getElementById("page")
    .replaceChildren(
      element(
        "header",
        {},
        element("h1", {}, "Canopy report"),
        element(
          "p",
          { class: "quiet" },
          `${[
            ...(data.results.length === 0
              ? []
              : [
                  count(data.results.length, "result"),
                  count(data.rows.result.length, "row"),
                  count(runs, "run"),
                ]),
            ...(data.sheets.length === 0 ? [] : [`tables of ${count(data.sheets.length, "other command")}`]),
          ].join(", ")}; ${data.tool}`,
        ),
        themeSwitch(),
      ),
      nav,
      element("main", {}, ...sections.map(({ node }) => node)),
    );
  addEventListener("hashchange", () => {
    show(true);
    scrollTo(0, 0);
  });
  // Paper has no links to follow: everything is printed.
  addEventListener("beforeprint", () => {
    sections.forEach(fill);
    sheets.showAll();
    for (const block of document.querySelectorAll("details.block")) block.setAttribute("open", "");
  });
  show(false);
  document.documentElement.dataset.ready = "yes";
}

function count(number, word) {
  return `${number.toLocaleString("en-US")} ${word}${number === 1 ? "" : "s"}`;
}

start();
