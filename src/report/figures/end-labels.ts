import { textWidth } from "./font.ts";
import { type Drawn, drawSample } from "./frame.ts";
import { spreadPositions } from "./spread.ts";
import { INKS, type SeriesStyle, SIZES } from "./style.ts";

/** A series to be named at the right of the plot. */
export interface EndLabel {
  readonly label: string;
  readonly style: SeriesStyle;
  readonly dashed?: boolean;
  readonly marked?: boolean;
  /** Where its line ends, in pixels; null: nowhere in particular (the label stands at its turn from the top). */
  readonly end: { readonly x: number; readonly y: number } | null;
}

const LEAD = 22;
const SAMPLE = 24;
const ROW = 17;

/** Room that the labels need right of the plot, pixels. */
export function endLabelWidth(labels: readonly string[]): number {
  return LEAD + SAMPLE + 6 + Math.max(0, ...labels.map((label) => textWidth(label, SIZES.text))) + 12;
}

/** Names the series at the right, each beside the end of its line as far as there is room, with a thin lead. */
export function drawEndLabels(labels: readonly EndLabel[], drawn: Drawn): void {
  const { area, canvas } = drawn;
  const wanted = labels.map(({ end }, i) => end?.y ?? area.top + ROW * (i + 0.5));
  const places = spreadPositions(wanted, ROW, area.top + 2, area.bottom + 6);
  labels.forEach(({ label, style, end, dashed, marked }, i) => {
    const x = area.right + LEAD;
    const y = places[i];
    if (end !== null) canvas.line(end.x + SIZES.mark + 2, end.y, x - 3, y, INKS.axis, 0.7);
    drawSample(
      {
        label,
        colour: style.colour,
        line: dashed === true ? "dashed" : "solid",
        ...(marked === false ? {} : { symbol: style.symbol }),
      },
      x,
      y,
      canvas,
    );
    canvas.text(x + SAMPLE + 6, y, label);
  });
}
