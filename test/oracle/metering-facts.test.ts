import { describeMeteringFacts } from "./facts-metering.ts";
import { runOracle } from "./run-oracle.ts";

describeMeteringFacts("oracle", runOracle);
