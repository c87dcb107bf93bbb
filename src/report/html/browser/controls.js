/** Fields that choose what is shown. */
import { element } from "./dom.js";

let fields = 0;

/**
 * A labelled list to choose one from.
 *
 * @param {string} label
 * @param {readonly (readonly string[])[]} choices value and text
 * @param {(value: string) => void} changed
 * @param {string} [chosen]
 */
export function choice(label, choices, changed, chosen = choices[0]?.[0] ?? "") {
  const id = `field-${++fields}`;
  const list = element(
    "select",
    { id, onchange: (event) => changed(event.target.value) },
    ...choices.map(([value, text]) => element("option", { value, selected: value === chosen }, text)),
  );
  return element("div", { class: "field" }, element("label", { for: id }, label), list);
}

/** A labelled field to type in. */
export function textField(label, changed) {
  const id = `field-${++fields}`;
  const input = element("input", {
    id,
    type: "search",
    autocomplete: "off",
    oninput: (event) => changed(event.target.value),
  });
  return element("div", { class: "field" }, element("label", { for: id }, label), input);
}

/** A box to tick. */
export function tick(label, checked, changed, ...before) {
  const id = `field-${++fields}`;
  const input = element("input", {
    id,
    type: "checkbox",
    checked,
    onchange: (event) => changed(event.target.checked),
  });
  return element("div", { class: "tick" }, input, element("label", { for: id }, ...before, label));
}

/** All, and each value that comes up. */
export function allOr(values, all = "all") {
  return [["", all], ...[...new Set(values)].map((value) => [value, value])];
}
