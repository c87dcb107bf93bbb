import { fontFiles, SHIPPED_FAMILY } from "./font.ts";

/**
 * A PNG of an SVG figure on white paper, by resvg with the shipped font alone: the same bytes on every
 * machine.
 *
 * @param scale pixels of the PNG for each pixel of the figure; default 2
 * @throws Error where `svg` is not well-formed
 */
export async function svgToPng(svg: string, scale = 2): Promise<Buffer> {
  const { Resvg } = await import("@resvg/resvg-js");
  const image = new Resvg(svg, {
    background: "#ffffff",
    fitTo: { mode: "zoom", value: scale },
    font: {
      loadSystemFonts: false,
      fontFiles: fontFiles(),
      defaultFontFamily: SHIPPED_FAMILY,
      sansSerifFamily: SHIPPED_FAMILY,
    },
  });
  return image.render().asPng();
}
