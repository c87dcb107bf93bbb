/** A router's mark: the same colour and shape as in the figures. */
import { colouredBy, drawn } from "./dom.js";

/** Paths hold numbers and the letters of lines and arcs; anything else is no mark of ours. */
function pathOf({ mark }) {
  return /^[\dMLAZ.,-]*$/.test(mark) ? mark : "";
}

export function routerMark(router) {
  return drawn(
    "svg",
    { class: "mark", viewBox: "-7 -7 14 14", width: 12, height: 12, "aria-hidden": "true" },
    drawn("path", { d: pathOf(router), class: "own", style: colouredBy(router.colour) }),
  );
}

/** The mark at a place of a drawing; a smaller one is paler. */
export function markAt(router, x, y, size = 1) {
  return drawn("path", {
    d: pathOf(router),
    class: "own",
    style: colouredBy(router.colour),
    transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})${size === 1 ? "" : ` scale(${size})`}`,
    opacity: size === 1 ? undefined : 0.65,
  });
}
