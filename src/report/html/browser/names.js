/** Names beside the marks of a chart. */
import { sizeNow } from "./axes.js";
import { colouredBy, drawn } from "./dom.js";

/** Across, down, and where a name above or below its mark has it: in the middle, at its beginning, at its end. */
const WAYS = [
  [1, 0, 0],
  [-1, 0, 0],
  [0, -1, 0],
  [0, 1, 0],
  [1, -1, 0],
  [1, 1, 0],
  [-1, -1, 0],
  [-1, 1, 0],
  [0, -1, 1],
  [0, 1, 1],
  [0, -1, -1],
  [0, 1, -1],
];
/** From a mark to its name; beyond the first a line joins them. */
const DISTANCES = [9, 20, 34, 52, 74, 100, 130];

/**
 * Each name takes the nearest place that is free; one that finds none is left out.
 *
 * @param {readonly { x: number, y: number, text: string, colour: string, strong: boolean }[]} names first come, first
 * served
 * @param {readonly { x: number, y: number, radius: number }[]} marks
 */
export function namesOf(names, marks) {
  const taken = marks.map(({ x, y, radius }) => ({
    left: x - radius,
    right: x + radius,
    top: y - radius,
    bottom: y + radius,
  }));
  const leaders = [];
  return names.flatMap((name) => {
    const place = placeOf(name, taken, leaders);
    if (place === undefined) return [];
    const { box, leader } = place;
    taken.push(box);
    if (leader !== undefined) leaders.push(...between(name, leader));
    const text = drawn(
      "text",
      {
        x: box.left.toFixed(1),
        y: (box.bottom - 3).toFixed(1),
        class: name.strong ? "name strong" : "name",
      },
      name.text,
    );
    if (leader === undefined) return [text];
    const line = drawn("line", {
      x1: name.x.toFixed(1),
      y1: name.y.toFixed(1),
      x2: leader.x.toFixed(1),
      y2: leader.y.toFixed(1),
      class: "bar own",
      style: colouredBy(name.colour),
    });
    return [line, text];
  });
}

function placeOf({ x, y, text, strong }, taken, leaders) {
  const { left, right, width, top, height, bottom } = sizeNow();
  const half = (strong ? 3.6 : 3.3) * text.length;
  for (const [far, distance] of DISTANCES.entries()) {
    for (const [dx, dy, side] of WAYS) {
      const reach = dx !== 0 && dy !== 0 ? distance * Math.SQRT1_2 : distance;
      const [middleX, middleY] = [x + dx * (reach + half) + side * (half - 8), y + dy * (reach + 7)];
      const box = { left: middleX - half, right: middleX + half, top: middleY - 7, bottom: middleY + 7 };
      const inside =
        box.left > left && box.right < width - right + 6 && box.top > top - 8 && box.bottom < height - bottom;
      const isTaken = taken.some((other) => meets(box, other)) || leaders.some((at) => within(at, box));
      if (!inside || isTaken) continue;
      if (far === 0) return { box };
      const leader = {
        x: Math.max(box.left, Math.min(x, box.right)),
        y: Math.max(box.top, Math.min(y, box.bottom)),
      };
      // Through a name of another; marks are small, and lie beneath.
      const crosses = taken.some(
        (other) => other.right - other.left > 20 && between({ x, y }, leader).some((at) => within(at, other)),
      );
      if (!crosses) return { box, leader };
    }
  }
  return undefined;
}

function meets(a, b) {
  return a.left < b.right && a.right > b.left && a.top < b.bottom && a.bottom > b.top;
}

function within({ x, y }, box) {
  return x > box.left && x < box.right && y > box.top && y < box.bottom;
}

function between(from, to) {
  return Array.from({ length: 15 }, (_, i) => ({
    x: from.x + ((to.x - from.x) * (i + 1)) / 16,
    y: from.y + ((to.y - from.y) * (i + 1)) / 16,
  }));
}
