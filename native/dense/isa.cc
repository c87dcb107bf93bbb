#include "dense/isa.h"

#include <stdexcept>

namespace canopy::dense {

std::string nameOf(Isa isa) {
  switch (isa) {
    case Isa::avx512:
      return "avx512";
    case Isa::avx2:
      return "avx2";
    case Isa::baseline:
      break;
  }
  return "baseline";
}

std::vector<Isa> isasHere() {
  std::vector<Isa> here{Isa::baseline};
#if defined(__x86_64__)
  // The same features as in the target attributes of kernels.cc. The library asks the operating system too.
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    here.push_back(Isa::avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl")) {
      here.push_back(Isa::avx512);
    }
  }
#endif
  return here;
}

Isa chooseIsa(const std::string& name) {
  const std::vector<Isa> here = isasHere();
  if (name == "auto") return here.back();
  std::string words = "auto";
  for (const Isa isa : here) {
    if (nameOf(isa) == name) return isa;
    words += ", " + nameOf(isa);
  }
  throw std::invalid_argument("isa '" + name + "': expected one of those that this CPU can run: " + words);
}

}  // namespace canopy::dense
