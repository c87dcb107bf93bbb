import { describeTelemetryFacts } from "./facts-telemetry.ts";
import { runOracle } from "./run-oracle.ts";

describeTelemetryFacts("oracle", runOracle);
