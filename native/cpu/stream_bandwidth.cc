#include "cpu/stream_bandwidth.h"

#include <algorithm>
#include <atomic>

#include "cpu/kernels.h"
#include "cpu/page_buffer.h"
#include "cpu/thread_pool.h"
#include "engine/clock.h"

namespace canopy::cpu {

namespace {

/// What a task reads: small enough that threads end together, a multiple of what sumWords takes.
constexpr std::size_t kTaskBytes = std::size_t{1} << 20;

}  // namespace

double streamBandwidth(int threads, std::size_t bytes, int passes, dense::Isa isa) {
  const Kernels& kernels = cpu::kernelsOf(isa);
  ThreadPool pool(threads);
  const int tasks = static_cast<int>(std::max<std::size_t>(1, bytes / kTaskBytes));
  const PageBuffer buffer(static_cast<std::size_t>(tasks) * kTaskBytes);
  constexpr std::size_t words = kTaskBytes / sizeof(std::uint32_t);
  // Not zeros: the system may give one page of zeros for all that nobody wrote.
  pool.run(tasks, [&](int task, int) {
    std::uint32_t* place = buffer.as<std::uint32_t>() + static_cast<std::size_t>(task) * words;
    for (std::size_t i = 0; i < words; ++i) place[i] = static_cast<std::uint32_t>(i) * 2654435761U;
  });
  std::int64_t shortestNs = INT64_MAX;
  std::atomic<std::uint32_t> total = 0;
  for (int pass = 0; pass < passes; ++pass) {
    const std::int64_t startNs = monotonicNanoseconds();
    pool.run(tasks, [&](int task, int) {
      // The sum is kept, or the reads would be left out.
      total += kernels.sumWords(buffer.as<std::uint32_t>() + static_cast<std::size_t>(task) * words, words);
    });
    shortestNs = std::min(shortestNs, monotonicNanoseconds() - startNs);
  }
  return static_cast<double>(buffer.bytes()) / (static_cast<double>(shortestNs) * 1e-9);
}

}  // namespace canopy::cpu
