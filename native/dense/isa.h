// Instruction sets that the dense kernels are built for, and the choice between them at run time.
#pragma once

#include <string>
#include <vector>

namespace canopy::dense {

/// baseline is what every CPU of the build's target has (SSE2 on x86-64); avx2 has FMA.
enum class Isa { baseline, avx2, avx512 };

std::string nameOf(Isa isa);

/// Those that this CPU and its operating system can run, weakest first.
std::vector<Isa> isasHere();

/// The strongest of isasHere() for "auto", else the one named: baseline, avx2 or avx512.
/// Throws std::invalid_argument on another word or one that this CPU lacks.
Isa chooseIsa(const std::string& name);

}  // namespace canopy::dense
