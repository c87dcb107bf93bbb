// Long work off the JavaScript thread, as a promise.
#pragma once

#include <napi.h>

#include <functional>

namespace canopy::bindings {

struct Job {
  /// On a thread of its own; may throw. Must not touch Napi.
  std::function<void()> work;
  /// On the JavaScript thread, after `work` has ended without throwing.
  std::function<Napi::Value(Napi::Env env)> result;
  /// Always, on the JavaScript thread, before the promise is settled.
  std::function<void()> ended;
  /// From the JavaScript thread when its environment ends while `work` runs: has to make it end soon.
  std::function<void()> cancel;
};

/// Starts the job; the promise is settled with its result or with what it threw. Where a worker is terminated in the
/// middle, the job is cancelled and its thread joined before the environment goes away; the promise stays open.
Napi::Promise runInBackground(Napi::Env env, Job job);

}  // namespace canopy::bindings
