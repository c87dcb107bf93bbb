import { workerData } from "piscina";
import type { Outcome } from "../../../src/sweep/messages.ts";
import { type SquareSetup, type SquareTask, square } from "./square.ts";

export default (task: SquareTask): Promise<Outcome<number>> => square(workerData as SquareSetup, task);
