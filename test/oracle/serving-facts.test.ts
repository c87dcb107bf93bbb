import { describeServingFacts } from "./facts-serving.ts";
import { runOracle } from "./run-oracle.ts";

describeServingFacts("oracle", runOracle);
