// The processor cores that this process may use.
#pragma once

namespace canopy::cpu {

/// Physical cores among the CPUs of the process's affinity, at most the CPU quota of its control group; at least 1. Two
/// hardware threads of a core share its arithmetic and its path to memory, so a second one adds nothing to a step.
int usableCores();

}  // namespace canopy::cpu
