/** Words that are seen at a glance. */
import { element } from "./dom.js";

const VERDICTS = {
  agrees: "good",
  "direction only": "fair",
  disagrees: "bad",
  "not comparable": "plain",
  calibrated: "plain",
};
const PROVENANCES = {
  measured: "good",
  published: "good",
  derived: "fair",
  extrapolated: "bad",
  modelled: "fair",
  synthetic: "bad",
};
const MEANINGS = {
  measured: "by Canopy on the host and configuration named in the profile",
  published: "measured end to end by others, read in the cited file",
  derived: "composed or interpolated from measured pieces",
  extrapolated: "beyond the measured range of the same thing",
  modelled: "a formula",
  synthetic: "invented, for tests",
};

export function verdictBadge(word) {
  return element("span", { class: `badge ${VERDICTS[word] ?? "plain"}` }, word);
}

export function provenanceBadge(word) {
  return element("span", { class: `badge ${PROVENANCES[word] ?? "plain"}`, title: MEANINGS[word] }, word);
}

export function statusBadge(word) {
  return element("span", { class: "badge plain" }, word);
}
