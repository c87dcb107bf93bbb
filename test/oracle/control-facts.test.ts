import { describeControlFacts } from "./facts-control.ts";
import { runOracle } from "./run-oracle.ts";

describeControlFacts("oracle", runOracle);
