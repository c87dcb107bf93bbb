#include "cpu/thread_pool.h"

#include "dense/kernels.h"

namespace canopy::cpu {

namespace {

/// Looks before a thread sleeps: some 50 to 100 us, longer than the gaps within a step.
constexpr int kLooks = 2000;

void pauseBriefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Waits until `value` differs from `old`.
template <typename T>
void waitForChange(const std::atomic<T>& value, T old) {
  for (int look = 0; look < kLooks; ++look) {
    if (value.load(std::memory_order_acquire) != old) return;
    pauseBriefly();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

ThreadPool::ThreadPool(int threads) {
  workers_.reserve(static_cast<std::size_t>(threads > 1 ? threads - 1 : 0));
  try {
    for (int thread = 1; thread < threads; ++thread) workers_.emplace_back([this, thread] { work(thread); });
  } catch (...) {
    // The system has no more threads; those that began have to end before this object does.
    stopping_ = true;
    job_.fetch_add(1, std::memory_order_release);
    job_.notify_all();
    for (std::thread& worker : workers_) worker.join();
    throw;
  }
}

ThreadPool::~ThreadPool() {
  stopping_ = true;
  job_.fetch_add(1, std::memory_order_release);
  job_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::runJob(int tasks, Call call, const void* context) {
  call_ = call;
  context_ = context;
  tasks_ = tasks;
  nextTask_.store(0, std::memory_order_relaxed);
  busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  job_.fetch_add(1, std::memory_order_release);
  job_.notify_all();
  takeTasks(0);
  // All have to be heard of, also those that found no task left: the next job overwrites this one.
  for (int busy = busy_.load(std::memory_order_acquire); busy != 0; busy = busy_.load(std::memory_order_acquire)) {
    waitForChange(busy_, busy);
  }
}

void ThreadPool::work(int thread) {
  // Denormals of synthetic activations would cost a hundred cycles each.
  const dense::FlushDenormals flush;
  std::uint32_t seen = 0;
  for (;;) {
    waitForChange(job_, seen);
    // Jobs follow one another only when all threads have reported.
    ++seen;
    if (stopping_) return;
    takeTasks(thread);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
  }
}

void ThreadPool::takeTasks(int thread) {
  for (;;) {
    const int task = nextTask_.fetch_add(1, std::memory_order_relaxed);
    if (task >= tasks_) return;
    call_(context_, task, thread);
  }
}

}  // namespace canopy::cpu
