import { describeBatchingFacts } from "./facts.ts";
import { runOracle } from "./run-oracle.ts";

describeBatchingFacts("oracle", runOracle);
