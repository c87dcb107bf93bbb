/** What each result rests on, and its files. */
import { element } from "./dom.js";
import { facts } from "./routers.js";

/** @param {import("../report-data.ts").ReportData} data */
export function provenanceSection(data) {
  return element(
    "div",
    {},
    ...data.omitted.map((sentence) => element("p", {}, sentence)),
    ...data.results.map((result, place) => resultBlock(result, place === 0)),
  );
}

function resultBlock(result, open) {
  const { experiment, description, paper, notes, files, inputs } = result;
  return element(
    "details",
    { class: "block", open },
    element(
      "summary",
      {},
      element("strong", {}, experiment),
      paper === "" ? "" : ` (${paper})`,
      description === "" ? "" : `: ${description}`,
    ),
    element("h4", {}, "What it rests on"),
    element("ul", {}, ...notes.map((note) => element("li", {}, note))),
    element("h4", {}, "Files"),
    fileList(files),
    element("h4", {}, "Manifest"),
    facts(result.facts),
    ...(inputs.length === 0
      ? []
      : [
          element("h4", {}, "Inputs"),
          element(
            "ul",
            {},
            ...inputs.map(({ role, name, sha256 }) =>
              element("li", {}, `${role} ${name} `, element("code", {}, sha256)),
            ),
          ),
        ]),
  );
}

/** Links to the files beside a result. */
export function fileList(files) {
  return element(
    "ul",
    { class: "files" },
    ...files.map(([name, href]) => element("li", {}, element("a", { href }, name))),
  );
}
