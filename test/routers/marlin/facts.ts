import { type MarlinParameters, parseMarlinParameters } from "../../../src/routers/marlin/parameters.ts";

export const DEFAULTS: MarlinParameters = parseMarlinParameters("marlin", {});
