// Threads for the parts of a step. They sleep between steps; within one they wait by looking, since a part may last
// only some microseconds.
//
// Not OpenMP: its threads go on spinning beside Node's, and its fixed shares wait for the slowest thread when another
// process takes a core. Here everybody takes the next task when he is done with one.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace canopy::cpu {

class ThreadPool {
 public:
  /// `threads` counts the caller of `run` too: with 1 there are no others.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls body(task, thread) for each task in [0, tasks), thread in [0, threads()), and returns when all are done.
  /// What they wrote can be seen afterwards. `body` must not throw. One caller at a time, not from within a task.
  template <typename Body>
  void run(int tasks, const Body& body) {
    if (tasks == 1 || workers_.empty()) {
      for (int task = 0; task < tasks; ++task) body(task, 0);
      return;
    }
    runJob(
        tasks, [](const void* context, int task, int thread) { (*static_cast<const Body*>(context))(task, thread); },
        &body);
  }

 private:
  using Call = void (*)(const void* context, int task, int thread);
  void runJob(int tasks, Call call, const void* context);
  void work(int thread);
  void takeTasks(int thread);

  std::vector<std::thread> workers_;
  // Written by the caller of `run` before it announces the job.
  Call call_ = nullptr;
  const void* context_ = nullptr;
  int tasks_ = 0;
  bool stopping_ = false;
  // Apart from each other: all threads write to these.
  alignas(64) std::atomic<std::uint32_t> job_ = 0;
  alignas(64) std::atomic<int> nextTask_ = 0;
  alignas(64) std::atomic<int> busy_ = 0;
};

}  // namespace canopy::cpu
