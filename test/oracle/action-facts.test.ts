import { describeActionFacts } from "./facts-actions.ts";
import { describeEndFacts } from "./facts-ends.ts";
import { runOracle } from "./run-oracle.ts";

describeActionFacts("oracle", runOracle);
describeEndFacts("oracle", runOracle);
