// What ptxas says of every kernel, without a GPU: both architectures compile without a warning, nothing spills,
// registers and occupancy keep to cuda_budgets.txt, and the PTX holds the instructions that the kernels are built on.
//
//   cuda_static_gate NVCC NATIVE_FOLDER BUDGETS SCRATCH_FOLDER
//
// Prints a row per kernel and architecture. Leaves with 1 where a rule is broken.
#include <cuda_occupancy.h>
#include <cxxabi.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Budget {
  int threads = 0;
  std::size_t sharedBytes = 0;
  int registers = 0;
  int occupancyPercent[2] = {0, 0};
};

struct Usage {
  int registers = 0;
  int stackBytes = 0;
  int spillBytes = 0;
};

const std::array<int, 2> architectures = {80, 90};
const std::array<const char*, 3> sources = {"ops", "gemm", "attention"};

int broken = 0;

void complain(const std::string& what) {
  std::cout << "BROKEN: " << what << "\n";
  ++broken;
}

std::map<std::string, Budget> readBudgets(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::map<std::string, Budget> budgets;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    std::string name;
    Budget budget;
    if (!(fields >> name >> budget.threads >> budget.sharedBytes >> budget.registers >> budget.occupancyPercent[0] >>
          budget.occupancyPercent[1])) {
      throw std::runtime_error(path + ": not a row of budgets: " + line);
    }
    budgets[name] = budget;
  }
  return budgets;
}

std::string contentsOf(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// "skinnyKernel<1>" of a mangled name.
std::string kernelName(const std::string& mangled) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status), &std::free);
  std::smatch match;
  const std::string full = status == 0 ? text.get() : mangled;
  if (!std::regex_search(full, match, std::regex(R"((\w+Kernel(<\d+>)?)\()"))) return full;
  return match[1];
}

/// ptxas prints a kernel's name, then its stack and spills, then its registers.
void readUsage(const std::string& log, std::map<std::string, Usage>& usage) {
  std::istringstream lines(log);
  std::string kernel;
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_search(line, match, std::regex("Compiling entry function '([^']+)'"))) kernel = kernelName(match[1]);
    if (std::regex_search(line, match, std::regex(R"((\d+) bytes stack frame, (\d+) bytes spill stores)"))) {
      usage[kernel].stackBytes = std::stoi(match[1]);
      usage[kernel].spillBytes = std::stoi(match[2]);
    }
    if (std::regex_search(line, match, std::regex("Used ([0-9]+) registers"))) {
      usage[kernel].registers = std::stoi(match[1]);
    }
  }
}

/// Share of the multiprocessor's warps that can be there at once.
int occupancyPercent(int architecture, const Usage& usage, const Budget& budget) {
  // An A100's and an H100's limits, from the CUDA C++ programming guide ("Technical specifications").
  cudaOccDeviceProp device{};
  device.computeMajor = architecture / 10;
  device.computeMinor = architecture % 10;
  device.maxThreadsPerBlock = 1024;
  device.maxThreadsPerMultiprocessor = 2048;
  device.regsPerBlock = 65536;
  device.regsPerMultiprocessor = 65536;
  device.warpSize = 32;
  device.sharedMemPerBlock = 48 * 1024;
  device.sharedMemPerMultiprocessor = static_cast<std::size_t>(architecture == 80 ? 164 : 228) * 1024;
  device.numSms = architecture == 80 ? 108 : 132;
  device.sharedMemPerBlockOptin = static_cast<std::size_t>(architecture == 80 ? 163 : 227) * 1024;
  device.reservedSharedMemPerBlock = 1024;
  cudaOccFuncAttributes function{};
  function.maxThreadsPerBlock = budget.threads;
  function.numRegs = usage.registers;
  function.maxDynamicSharedSizeBytes = static_cast<int>(budget.sharedBytes);
  function.partitionedGCConfig = PARTITIONED_GC_OFF;
  function.shmemLimitConfig = FUNC_SHMEM_LIMIT_OPTIN;
  const cudaOccDeviceState state{};
  cudaOccResult result{};
  if (cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &function, &state, budget.threads,
                                              budget.sharedBytes) != CUDA_OCC_SUCCESS) {
    throw std::runtime_error("cuda_occupancy.h refused the input");
  }
  return 100 * result.activeBlocksPerMultiprocessor * budget.threads / device.maxThreadsPerMultiprocessor;
}

}  // namespace

int main(int argumentCount, char** arguments) try {
  if (argumentCount != 5) throw std::runtime_error("expected: NVCC NATIVE_FOLDER BUDGETS SCRATCH_FOLDER");
  const std::string nvcc = arguments[1];
  const std::string folder = arguments[2];
  const std::string scratch = arguments[4];
  const auto budgets = readBudgets(arguments[3]);
  std::printf("%-20s %5s %9s %5s %6s %9s\n", "kernel", "sm", "registers", "stack", "spills", "occupancy");
  for (std::size_t a = 0; a < architectures.size(); ++a) {
    const std::string sm = std::to_string(architectures[a]);
    std::map<std::string, Usage> usage;
    std::string ptx;
    for (const char* source : sources) {
      const std::string stem = scratch + "/" + source + "." + sm;
      const std::string common = "'" + nvcc + "' -std=c++20 -O3 -I'" + folder + "' -Werror all-warnings '" + folder +
                                 "/cuda/" + source + ".cu' ";
      const std::string compile = common + "-arch=sm_" + sm + " --resource-usage -cubin -o '" + stem + ".cubin' > '" +
                                  stem + ".log' 2>&1 && " + common + "-arch=compute_" + sm + " -ptx -o '" + stem +
                                  ".ptx' >> '" + stem + ".log' 2>&1";
      const bool compiled = std::system(compile.c_str()) == 0;
      const std::string log = contentsOf(stem + ".log");
      if (!compiled) complain(std::string(source) + ".cu does not compile for sm_" + sm + ":\n" + log);
      readUsage(log, usage);
      ptx += contentsOf(stem + ".ptx");
    }
    for (const auto& [kernel, used] : usage) {
      const auto found = budgets.find(kernel);
      if (found == budgets.end()) {
        complain(kernel + " has no budget");
        continue;
      }
      const int occupancy = occupancyPercent(architectures[a], used, found->second);
      std::printf("%-20s %5s %9d %5d %6d %8d%%\n", kernel.c_str(), sm.c_str(), used.registers, used.stackBytes,
                  used.spillBytes, occupancy);
      if (used.spillBytes > 0 || used.stackBytes > 0) complain(kernel + " uses local memory on sm_" + sm);
      if (used.registers > found->second.registers) {
        complain(kernel + " uses more registers than " + std::to_string(found->second.registers));
      }
      if (occupancy < found->second.occupancyPercent[a]) {
        complain(kernel + " reaches less than " + std::to_string(found->second.occupancyPercent[a]) + " % on sm_" + sm);
      }
    }
    for (const auto& [kernel, budget] : budgets) {
      if (!usage.contains(kernel)) complain("no kernel " + kernel + " for sm_" + sm);
    }
    for (const char* instruction :
         {"mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32", "ldmatrix.sync.aligned.m8n8.x4.shared.b16",
          "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16", "cp.async.cg.shared.global", "cp.async.wait_group",
          "ld.global.nc.L1::no_allocate.v4.u32", "cvt.rn.bf16x2.f32"}) {
      if (ptx.find(instruction) == std::string::npos) complain(std::string("no ") + instruction + " for sm_" + sm);
    }
  }
  return broken == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
