#include "common/host_cpu.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

namespace canopy {
namespace {

std::string firstLineOf(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string modelName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const std::size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

std::vector<std::string> instructionSetsHere() {
  std::vector<std::string> sets;
#if defined(__x86_64__)
  // The builtin takes literals only, and asks the operating system as well as the processor.
  __builtin_cpu_init();
  if (__builtin_cpu_supports("sse4.2")) sets.emplace_back("sse4.2");
  if (__builtin_cpu_supports("avx")) sets.emplace_back("avx");
  if (__builtin_cpu_supports("avx2")) sets.emplace_back("avx2");
  if (__builtin_cpu_supports("fma")) sets.emplace_back("fma");
  if (__builtin_cpu_supports("avx512f")) sets.emplace_back("avx512f");
  if (__builtin_cpu_supports("avx512bw")) sets.emplace_back("avx512bw");
  if (__builtin_cpu_supports("avx512dq")) sets.emplace_back("avx512dq");
  if (__builtin_cpu_supports("avx512vl")) sets.emplace_back("avx512vl");
  if (__builtin_cpu_supports("avx512vnni")) sets.emplace_back("avx512vnni");
  if (__builtin_cpu_supports("avx512bf16")) sets.emplace_back("avx512bf16");
#endif
  return sets;
}

/// CPUs of the affinity mask, by the kernel's numbers; empty where they cannot be asked for.
std::vector<int> usableCpus() {
  std::vector<int> cpus;
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof mask, &mask) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
    if (CPU_ISSET(cpu, &mask)) cpus.push_back(cpu);
  }
  return cpus;
}

int coresOf(const std::vector<int>& cpus) {
  std::set<std::string> cores;
  for (const int cpu : cpus) {
    // Siblings of one core name the same list.
    const std::string siblings =
        firstLineOf("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    cores.insert(siblings.empty() ? std::to_string(cpu) : siblings);
  }
  return static_cast<int>(cores.size());
}

/// "max 100000" or "150000 100000": quota and period in microseconds (cgroup v2).
double quotaOf(const std::string& line) {
  std::istringstream words(line);
  double quota = 0;
  double period = 0;
  return (words >> quota >> period) && period > 0 ? quota / period : 0;
}

}  // namespace

int HostCpu::defaultThreads() const {
  const int granted = quotaCpus > 0 ? std::min(usableCores, static_cast<int>(quotaCpus)) : usableCores;
  return std::max(1, granted);
}

HostCpu hostCpu() {
  HostCpu host;
  host.model = modelName();
  host.instructionSets = instructionSetsHere();
  const std::vector<int> cpus = usableCpus();
  // A machine with more CPUs than the mask can hold refuses to say.
  host.usableThreads =
      cpus.empty() ? static_cast<int>(std::thread::hardware_concurrency()) : static_cast<int>(cpus.size());
  host.usableCores = cpus.empty() ? host.usableThreads : coresOf(cpus);
  host.quotaCpus = quotaOf(firstLineOf("/sys/fs/cgroup/cpu.max"));
  return host;
}

}  // namespace canopy
