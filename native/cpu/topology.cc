#include "cpu/topology.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <string>
#include <thread>

namespace canopy::cpu {

namespace {

std::string lineOf(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

int coresOfAffinity() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (sched_getaffinity(0, sizeof(mask), &mask) != 0) {
    return static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  }
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &mask)) continue;
    const std::string number = std::to_string(cpu);
    const std::string siblings = lineOf("/sys/devices/system/cpu/cpu" + number + "/topology/thread_siblings_list");
    // Where the system does not tell, every CPU counts as a core.
    cores.insert(siblings.empty() ? "cpu" + number : siblings);
  }
  return static_cast<int>(cores.size());
}

/// Whole CPUs of the control group's quota, version 2; the largest number where there is none.
int coresOfQuota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0.0;
  double period = 0.0;
  // "max 100000" where there is no quota: the first read fails.
  if (!(file >> quota >> period) || period <= 0.0) return CPU_SETSIZE;
  return static_cast<int>(quota / period);
}

}  // namespace

int usableCores() { return std::max(1, std::min(coresOfAffinity(), coresOfQuota())); }

}  // namespace canopy::cpu
