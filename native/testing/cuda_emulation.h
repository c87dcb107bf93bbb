// CUDA kernels on a CPU: a fiber for every thread of a block, blocks one after another, so that the very .cu files of
// native/cuda run in suites on machines without a GPU.
//
// What it shows: indexing, edges, missing or divergent barriers, lanes that disagree about a warp instruction,
// misaligned and out-of-bounds shared memory (all of it with AddressSanitizer, writes near an end without), copies read
// before cp.async's wait, and what a kernel computes. Threads run in turn until they wait, forward, in reverse or
// shuffled (settings().order), and blocks likewise, so a result that hangs on an order differs between orders.
//
// Every place that waits (a barrier, a __syncwarp, a cpAsyncWait) is noted by file and line, and settings().skipped
// removes one at run time: a suite can thus ask of each whether any test misses it.
//
// What it cannot show: the text of inline PTX, data races inside the hardware's own order of lanes, bank conflicts
// other than ldmatrix's, speed.
#pragma once

#include <ucontext.h>

#include <cmath>
#include <csetjmp>
#include <cstdint>
#include <exception>
#include <set>

#include "cuda/runtime.h"

#if CANOPY_EMULATION_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define UNROLL
#define UNROLL_BY(times)
#define DYNAMIC_SHARED(type, name) type* name = reinterpret_cast<type*>(::canopy::emulation::current().shared)

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(8) int2 {
  int x, y;
};
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline int2 make_int2(int x, int y) { return {x, y}; }

inline thread_local dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace canopy::emulation {

/// A rule of CUDA that a kernel broke; the text says which and where.
class KernelError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A place in a kernel that waits.
struct Site {
  std::string file;
  int line = 0;
  auto operator<=>(const Site&) const = default;
};

enum class Order { forward, reverse, shuffled };

struct Settings {
  Order order = Order::forward;
  Site skipped;            ///< this place does not wait; none where the line is 0
  std::set<Site> seen;     ///< places that waited so far
  long bankConflicts = 0;  ///< phases of ldmatrix whose eight rows share banks
};

inline Settings& settings() {
  static thread_local Settings state;
  return state;
}

/// Notes the place; true where it has to wait.
inline bool waitsAt(const char* file, int line) {
  static thread_local const char* lastFile = nullptr;
  static thread_local int lastLine = 0;
  Settings& state = settings();
  if (file != lastFile || line != lastLine) {
    const char* slash = std::strrchr(file, '/');
    state.seen.insert({slash == nullptr ? file : slash + 1, line});
    lastFile = file;
    lastLine = line;
  }
  if (state.skipped.line != line) return true;
  const char* slash = std::strrchr(file, '/');
  return state.skipped.file != (slash == nullptr ? file : slash + 1);
}

enum class State : std::uint8_t { ready, atBarrier, atWarp, done };

struct Fiber {
  ucontext_t context;
  jmp_buf jump;
  bool started = false;
  State state = State::done;
  const char* file = nullptr;  ///< where it waits
  int line = 0;
  dim3 index;
  int lane = 0;
  int warp = 0;
  struct Copy {
    void* to;
    const void* from;
    bool valid;
  };
  std::vector<std::vector<Copy>> groups;  ///< cp.async: closed groups that were not waited for, oldest first
  std::vector<Copy> open;
  std::vector<Copy> waitedFor;  ///< complete for this thread; others see it after a barrier
  std::unique_ptr<unsigned char[]> stack;
#if CANOPY_EMULATION_ASAN
  void* fakeStack = nullptr;
  const void* stackBottom = nullptr;
  std::size_t stackSize = 0;
#endif
};

/// Lanes exchange through two banks of slots in turn: nobody can be two exchanges ahead, so one meeting does.
struct Warp {
  int arrived = 0;
  int bank = 0;
  const char* file = nullptr;
  int line = 0;
  alignas(16) unsigned char slots[2][32][64];
};

struct Block {
  std::vector<std::unique_ptr<Fiber>> fibers;  ///< kept between blocks and launches
  std::vector<Warp> warps;
  unsigned char* shared = nullptr;
  std::size_t sharedBytes = 0;
  Fiber* fiber = nullptr;  ///< that runs now
  int threads = 0;
  int atBarrier = 0;
  int finished = 0;
  std::exception_ptr error;
  const std::function<void()>* body = nullptr;
  Fiber scheduler;
};

inline Block& current() {
  static thread_local Block block;
  return block;
}

// AddressSanitizer wipes its notes of a whole stack at every switch: no larger than needed.
inline constexpr std::size_t stackBytes = 128 * 1024;

// swapcontext makes a system call each way; jumping does not. AddressSanitizer follows swapcontext only, and has to be
// told of the stacks: an exception would leave marks on one that it takes for another's.
__attribute__((noinline)) inline void switchFiber(Fiber& from, Fiber& to) {
#if CANOPY_EMULATION_ASAN
  __sanitizer_start_switch_fiber(&from.fakeStack, to.stackBottom, to.stackSize);
  swapcontext(&from.context, &to.context);
  __sanitizer_finish_switch_fiber(from.fakeStack, nullptr, nullptr);
#else
  if (_setjmp(from.jump) == 0) {
    if (to.started) _longjmp(to.jump, 1);
    to.started = true;
    setcontext(&to.context);
  }
#endif
}

inline void yieldFiber(State state, const char* file, int line) {
  Block& block = current();
  Fiber& fiber = *block.fiber;
  fiber.state = state;
  fiber.file = file;
  fiber.line = line;
  switchFiber(fiber, block.scheduler);
}

/// A fiber never returns: it waits for the next block's body.
inline void fiberMain() {
#if CANOPY_EMULATION_ASAN
  __sanitizer_finish_switch_fiber(nullptr, &current().scheduler.stackBottom, &current().scheduler.stackSize);
#endif
  for (;;) {
    Block& block = current();
    try {
      (*block.body)();
    } catch (...) {
      block.error = std::current_exception();
    }
    ++block.finished;
    yieldFiber(State::done, nullptr, 0);
  }
}

inline std::string place(const char* file, int line) { return std::string(file) + ":" + std::to_string(line); }

/// Runs each ready thread of a warp until it waits; false where there was none.
inline bool runWarp(int warp, const std::vector<int>& laneOrder) {
  Block& block = current();
  bool ran = false;
  for (const int lane : laneOrder) {
    Fiber& fiber = *block.fibers[static_cast<std::size_t>(32 * warp + lane)];
    if (fiber.state != State::ready) continue;
    ran = true;
    block.fiber = &fiber;
    threadIdx = fiber.index;
    switchFiber(block.scheduler, fiber);
    if (block.error) {
      // Fibers that stand in the middle of the kernel are of no more use.
      block.fibers.clear();
      std::rethrow_exception(block.error);
    }
  }
  return ran;
}

inline void runBlock(const std::vector<int>& warpOrder, const std::vector<int>& laneOrder) {
  Block& block = current();
  block.atBarrier = 0;
  block.finished = 0;
  block.error = nullptr;
  for (Warp& warp : block.warps) warp.arrived = 0;
  const dim3 size = blockDim;
  for (int i = 0; i < block.threads; ++i) {
    Fiber& fiber = *block.fibers[static_cast<std::size_t>(i)];
    const auto u = static_cast<unsigned>(i);
    fiber.index = dim3(u % size.x, u / size.x % size.y, u / size.x / size.y);
    fiber.lane = i % 32;
    fiber.warp = i / 32;
    fiber.groups.clear();
    fiber.open.clear();
    fiber.waitedFor.clear();
    fiber.state = State::ready;
  }
  while (block.finished < block.threads) {
    bool ran = false;
    for (const int warp : warpOrder) {
      while (runWarp(warp, laneOrder)) ran = true;
    }
    if (ran) continue;
    const Fiber* first = nullptr;
    std::string problem;
    for (int i = 0; i < block.threads; ++i) {
      const Fiber& fiber = *block.fibers[static_cast<std::size_t>(i)];
      if (fiber.state == State::done) {
        if (problem.empty()) problem = "thread " + std::to_string(i) + " has left the kernel";
      } else if (first == nullptr) {
        first = &fiber;
      } else if (problem.empty() && (fiber.line != first->line || fiber.file != first->file)) {
        problem = "thread " + std::to_string(i) + " waits at " + place(fiber.file, fiber.line);
      }
    }
    if (problem.empty() && first->state == State::atBarrier) {
      for (int i = 0; i < block.threads; ++i) block.fibers[static_cast<std::size_t>(i)]->state = State::ready;
      continue;
    }
    const std::string where = place(first->file, first->line);
    block.fibers.clear();
    throw KernelError("divergent barrier: some threads of a block wait at " + where + ", " + problem);
  }
}

/// All lanes of a warp meet; the last to come runs `operate` on the slots of all, and each takes its own back.
template <typename Slot, typename Operate>
Slot meet(const Slot& mine, const char* file, int line, Operate operate) {
  static_assert(sizeof(Slot) <= 64 && std::is_trivially_copyable_v<Slot>);
  Block& block = current();
  const Fiber& fiber = *block.fiber;
  Warp& warp = block.warps[static_cast<std::size_t>(fiber.warp)];
  if (warp.arrived == 0) {
    warp.file = file;
    warp.line = line;
  } else if (warp.file != file || warp.line != line) {
    throw KernelError("lanes of a warp wait at different instructions: " + place(warp.file, warp.line) + " and " +
                      place(file, line));
  }
  const int bank = warp.bank;
  const int lane = fiber.lane;
  std::memcpy(warp.slots[bank][lane], &mine, sizeof(Slot));
  if (++warp.arrived == 32) {
    Slot slots[32];
    for (int i = 0; i < 32; ++i) std::memcpy(&slots[i], warp.slots[bank][i], sizeof(Slot));
    operate(slots);
    for (int i = 0; i < 32; ++i) std::memcpy(warp.slots[bank][i], &slots[i], sizeof(Slot));
    warp.arrived = 0;
    warp.bank = 1 - bank;
    for (int i = 0; i < 32; ++i) block.fibers[static_cast<std::size_t>(fiber.warp * 32 + i)]->state = State::ready;
  } else {
    yieldFiber(State::atWarp, file, line);
  }
  Slot result;
  std::memcpy(&result, warp.slots[bank][lane], sizeof(Slot));
  return result;
}

inline void checkShared(const void* pointer, const char* what, const char* file, int line) {
  const Block& block = current();
  const auto* bytes = static_cast<const unsigned char*>(pointer);
  if (bytes < block.shared || bytes + 16 > block.shared + block.sharedBytes) {
    throw KernelError(std::string(what) + " outside shared memory at " + place(file, line));
  }
  if (reinterpret_cast<std::uintptr_t>(pointer) % 16 != 0) {
    throw KernelError(std::string(what) + " of an address that is no multiple of 16 at " + place(file, line));
  }
}

inline std::vector<int> orderOf(int count, std::uint64_t seed) {
  std::vector<int> order(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = i;
  if (settings().order == Order::reverse) {
    for (int i = 0; i < count; ++i) order[static_cast<std::size_t>(i)] = count - 1 - i;
  } else if (settings().order == Order::shuffled) {
    for (int i = count - 1; i > 0; --i) {
      seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
      std::swap(order[static_cast<std::size_t>(i)],
                order[static_cast<std::size_t>((seed >> 33) % static_cast<std::uint64_t>(i + 1))]);
    }
  }
  return order;
}

/// Runs a grid. `body` is the kernel with its arguments.
inline void runGrid(const char* name, dim3 grid, dim3 blockSize, std::size_t sharedBytes,
                    const std::function<void()>& body) {
  Block& block = current();
  block.threads = static_cast<int>(blockSize.x * blockSize.y * blockSize.z);
  if (block.threads % 32 != 0) throw KernelError(std::string(name) + ": blocks have to be whole warps");
  block.warps.resize(static_cast<std::size_t>(block.threads) / 32);
  // A canary behind the end, except where AddressSanitizer watches it.
  const std::size_t guard = CANOPY_EMULATION_ASAN ? 0 : 64;
  void* memory = nullptr;
  if (posix_memalign(&memory, 128, sharedBytes + guard + (sharedBytes == 0)) != 0) throw std::bad_alloc();
  const std::unique_ptr<void, decltype(&std::free)> owner(memory, &std::free);
  block.shared = static_cast<unsigned char*>(memory);
  block.sharedBytes = sharedBytes;
  block.body = &body;
  blockDim = blockSize;
  gridDim = grid;
  const int blocks = static_cast<int>(grid.x * grid.y * grid.z);
  for (const int b : orderOf(blocks, 1)) {
    while (static_cast<int>(block.fibers.size()) < block.threads) {
      auto fiber = std::make_unique<Fiber>();
      fiber->stack = std::unique_ptr<unsigned char[]>(new unsigned char[stackBytes]);
      getcontext(&fiber->context);
      fiber->context.uc_stack.ss_sp = fiber->stack.get();
      fiber->context.uc_stack.ss_size = stackBytes;
      fiber->context.uc_link = nullptr;
#if CANOPY_EMULATION_ASAN
      fiber->stackBottom = fiber->stack.get();
      fiber->stackSize = stackBytes;
#endif
      makecontext(&fiber->context, fiberMain, 0);
      block.fibers.push_back(std::move(fiber));
    }
    block.scheduler.started = true;
    const auto u = static_cast<unsigned>(b);
    blockIdx = dim3(u % grid.x, u / grid.x % grid.y, u / grid.x / grid.y);
    std::memset(block.shared, 0xff, sharedBytes);
    std::memset(block.shared + sharedBytes, canary, guard);
    const auto seed = static_cast<std::uint64_t>(b) + 2;
    runBlock(orderOf(block.threads / 32, seed), orderOf(32, seed));
    for (std::size_t i = 0; i < guard; ++i) {
      if (block.shared[sharedBytes + i] != canary) {
        throw KernelError(std::string(name) + " wrote behind the end of its shared memory");
      }
    }
  }
}

}  // namespace canopy::emulation

namespace canopy::emulation {

/// What cp.async brought is shown to all when its thread comes to a barrier: a thread that reads its own copies before
/// one gets NaN here, though CUDA allows it. No kernel does.
inline void publishCopies() {
  auto& copies = current().fiber->waitedFor;
  for (const Fiber::Copy& copy : copies) {
    if (copy.valid) {
      std::memcpy(copy.to, copy.from, 16);
    } else {
      std::memset(copy.to, 0, 16);
    }
  }
  copies.clear();
}

}  // namespace canopy::emulation

// Places of waiting are known by their callers' file and line.
inline void __syncthreads(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (canopy::emulation::waitsAt(file, line)) {
    canopy::emulation::publishCopies();
    canopy::emulation::yieldFiber(canopy::emulation::State::atBarrier, file, line);
  }
}

inline void __syncwarp(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (canopy::emulation::waitsAt(file, line)) {
    canopy::emulation::publishCopies();
    canopy::emulation::meet(0, file, line, [](int*) {});
  }
}

template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int laneMask, const char* file = __builtin_FILE(),
                  int line = __builtin_LINE()) {
  if (mask != 0xffffffffU) throw canopy::emulation::KernelError("shuffles need the whole warp");
  return canopy::emulation::meet(value, file, line, [laneMask](T* slots) {
    T old[32];
    for (int i = 0; i < 32; ++i) old[i] = slots[i];
    for (int i = 0; i < 32; ++i) slots[i] = old[i ^ laneMask];
  });
}

inline float rsqrtf(float x) { return 1.0F / std::sqrt(x); }

namespace canopy::cuda {

inline constexpr unsigned fullWarp = 0xffffffffU;

inline float toFloat(bf16 value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value.bits) << 16;
  float result;
  std::memcpy(&result, &bits, 4);
  return result;
}

inline bf16 toBf16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if (std::isnan(value)) return bf16{0x7fff};
  return bf16{static_cast<std::uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

inline std::uint32_t packBf16(float low, float high) {
  return toBf16(low).bits | static_cast<std::uint32_t>(toBf16(high).bits) << 16;
}

inline uint4 loadStreaming(const void* address) { return *static_cast<const uint4*>(address); }

inline void cpAsync16(void* shared, const void* global, bool valid, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE()) {
  emulation::checkShared(shared, "cp.async", file, line);
  if (reinterpret_cast<std::uintptr_t>(global) % 16 != 0) {
    throw emulation::KernelError("cp.async from an address that is no multiple of 16 at " +
                                 emulation::place(file, line));
  }
  // From here to the wait the destination holds nothing that may be read.
  std::memset(shared, 0xff, 16);
  emulation::current().fiber->open.push_back({shared, global, valid});
}

inline void cpAsyncCommit() {
  emulation::Fiber& fiber = *emulation::current().fiber;
  fiber.groups.push_back(std::move(fiber.open));
  fiber.open.clear();
}

template <int newest>
void cpAsyncWait(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (!emulation::waitsAt(file, line)) return;
  emulation::Fiber& fiber = *emulation::current().fiber;
  auto& groups = fiber.groups;
  while (groups.size() > static_cast<std::size_t>(newest)) {
    fiber.waitedFor.insert(fiber.waitedFor.end(), groups.front().begin(), groups.front().end());
    groups.erase(groups.begin());
  }
}

namespace twin {

struct RowsSlot {
  const std::uint16_t* row;
  std::uint32_t fragment[4];
};

inline void ldmatrix(std::uint32_t (&fragment)[4], const void* row, bool transposed, const char* file, int line) {
  emulation::checkShared(row, "ldmatrix", file, line);
  RowsSlot mine{static_cast<const std::uint16_t*>(row), {}};
  mine = emulation::meet(mine, file, line, [transposed](RowsSlot* slots) {
    for (int tile = 0; tile < 4; ++tile) {
      unsigned banks = 0;  // of 16 bytes, in a line of 128
      for (int r = 0; r < 8; ++r) banks |= 1U << (reinterpret_cast<std::uintptr_t>(slots[8 * tile + r].row) / 16 % 8);
      if (banks != 0xff) ++emulation::settings().bankConflicts;
      for (int lane = 0; lane < 32; ++lane) {
        const int major = lane / 4;
        const int minor = 2 * (lane % 4);
        const std::uint16_t low = transposed ? slots[8 * tile + minor].row[major] : slots[8 * tile + major].row[minor];
        const std::uint16_t high =
            transposed ? slots[8 * tile + minor + 1].row[major] : slots[8 * tile + major].row[minor + 1];
        slots[lane].fragment[tile] = low | static_cast<std::uint32_t>(high) << 16;
      }
    }
  });
  for (int i = 0; i < 4; ++i) fragment[i] = mine.fragment[i];
}

struct MmaSlot {
  float d[4];
  std::uint32_t a[4];
  std::uint32_t b[2];
};

/// The tables of PTX's "Matrix fragments for mma.m16n8k16 with floating point type".
inline void mma(MmaSlot* slots) {
  float a[16][16];
  float b[16][8];
  const auto part = [](std::uint32_t packed, int index) {
    return toFloat(bf16{static_cast<std::uint16_t>(packed >> (16 * index))});
  };
  for (int lane = 0; lane < 32; ++lane) {
    const int group = lane / 4;
    const int thread = lane % 4;
    for (int i = 0; i < 8; ++i) {
      const int row = i < 2 || (i >= 4 && i < 6) ? group : group + 8;
      const int column = 2 * thread + (i & 1) + (i >= 4 ? 8 : 0);
      a[row][column] = part(slots[lane].a[i / 2], i & 1);
    }
    for (int i = 0; i < 4; ++i) b[2 * thread + (i & 1) + (i >= 2 ? 8 : 0)][group] = part(slots[lane].b[i / 2], i & 1);
  }
  float d[16][8] = {};
  for (int k = 0; k < 16; ++k) {
    for (int row = 0; row < 16; ++row) {
      for (int column = 0; column < 8; ++column) d[row][column] += a[row][k] * b[k][column];
    }
  }
  for (int lane = 0; lane < 32; ++lane) {
    for (int i = 0; i < 4; ++i) slots[lane].d[i] += d[lane / 4 + (i < 2 ? 0 : 8)][2 * (lane % 4) + (i & 1)];
  }
}

}  // namespace twin

inline void ldmatrix4(std::uint32_t (&fragment)[4], const void* row, const char* file = __builtin_FILE(),
                      int line = __builtin_LINE()) {
  twin::ldmatrix(fragment, row, false, file, line);
}

inline void ldmatrix4Transposed(std::uint32_t (&fragment)[4], const void* row, const char* file = __builtin_FILE(),
                                int line = __builtin_LINE()) {
  twin::ldmatrix(fragment, row, true, file, line);
}

inline void mma16816(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
                     const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  twin::MmaSlot mine{{d[0], d[1], d[2], d[3]}, {a[0], a[1], a[2], a[3]}, {b0, b1}};
  mine = emulation::meet(mine, file, line, twin::mma);
  for (int i = 0; i < 4; ++i) d[i] = mine.d[i];
}

template <typename... Parameters, typename... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t sharedBytes,
            cudaStream_t stream, Arguments... arguments) {
  const auto* address = reinterpret_cast<const void*>(kernel);
  if (sharedBytes > 48 * 1024) {
    check(cudaFuncSetAttribute(address, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(sharedBytes)),
          "cudaFuncSetAttribute", name);
  }
  const bool sound = block.x * block.y * block.z <= 1024 && block.x > 0 && grid.x > 0 && grid.y > 0 && grid.z > 0 &&
                     grid.y <= 65535 && grid.z <= 65535 && grid.x <= 0x7fffffffU;
  (void)emulation::status(sound ? cudaSuccess : cudaErrorInvalidConfiguration);
  check(cudaGetLastError(), "kernel launch", name);
  emulation::enqueue(stream, [=] {
    emulation::runGrid(name, grid, block, sharedBytes, [&] { kernel(static_cast<Parameters>(arguments)...); });
  });
}

}  // namespace canopy::cuda
