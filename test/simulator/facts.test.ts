import { simulate } from "../../src/simulator/simulate.ts";
import { describeBatchingFacts } from "../oracle/facts.ts";
import { describeActionFacts } from "../oracle/facts-actions.ts";
import { describeControlFacts } from "../oracle/facts-control.ts";
import { describeEndFacts } from "../oracle/facts-ends.ts";
import { describeMeteringFacts } from "../oracle/facts-metering.ts";
import { describeServingFacts } from "../oracle/facts-serving.ts";
import { describeTelemetryFacts } from "../oracle/facts-telemetry.ts";

/** Hand-computed cases, the same that the oracle has to meet. */
describeBatchingFacts("simulator", simulate);
describeServingFacts("simulator", simulate);
describeControlFacts("simulator", simulate);
describeTelemetryFacts("simulator", simulate);
describeMeteringFacts("simulator", simulate);
describeActionFacts("simulator", simulate);
describeEndFacts("simulator", simulate);
