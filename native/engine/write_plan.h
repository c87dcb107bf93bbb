// From the members of a step to the flat arrays of a backend.
#pragma once

#include "engine/scheduler.h"
#include "engine/step_plan.h"

namespace canopy {

/// Overwrites `plan`, whose memory is reused. blockTableStride is the longest table of the members.
void writePlan(const Formation& formation, int blockTokens, StepPlan& plan);

}  // namespace canopy
