// Every kernel of native/cuda against a plain twin in double, over odd sizes: the same cases on a GPU
// (kernels_on_device) and in emulation (kernels_emulated).
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace canopy::testing {

struct KernelCase {
  std::string name;
  bool large = false;  ///< takes seconds in emulation
  /// What is wrong, in words; empty where the kernel agrees with its twin. Throws what the runtime throws.
  std::function<std::string()> run;
};

std::vector<KernelCase> kernelCases();

}  // namespace canopy::testing
