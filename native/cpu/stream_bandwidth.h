// How fast threads read memory: the ceiling of decoding with a small batch.
#pragma once

#include <cstddef>

#include "dense/isa.h"

namespace canopy::cpu {

/// Bytes per second at which `threads` threads together read `bytes` once, the best of `passes`. Take several times the
/// size of the last cache, or the caches are measured. Throws std::runtime_error where the memory is not there.
double streamBandwidth(int threads, std::size_t bytes, int passes, dense::Isa isa);

}  // namespace canopy::cpu
