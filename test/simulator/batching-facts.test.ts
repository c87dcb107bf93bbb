import { simulate } from "../../src/simulator/simulate.ts";
import { describeBatchingFacts } from "../oracle/facts.ts";

describeBatchingFacts("simulator", simulate);
