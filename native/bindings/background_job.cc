#include "bindings/background_job.h"

#include <exception>
#include <memory>
#include <thread>
#include <utility>

#include "bindings/errors.h"

namespace canopy::bindings {

namespace {

/// A job under way. Not an async worker of libuv: an environment that ends waits for those before it runs the hooks
/// that could cancel them, so that a worker could not be terminated before its measurement ends by itself.
///
/// Hooks of an environment run in reverse order. Ours is added after the function's, which Node frees with one of its
/// own; so the thread is joined while the function can still be called.
class RunningJob {
 public:
  static Napi::Promise start(Napi::Env env, Job job) {
    auto* running = new RunningJob(env, std::move(job));
    const Napi::Promise promise = running->deferred_.Promise();
    // After the last call, or after the environment's end, nobody else knows the job any more.
    const auto forget = [](Napi::Env, RunningJob* self, RunningJob*) { delete self; };
    running->function_ = Function::New(env, "canopy background job", 0, 1, running, forget, running);
    napi_add_env_cleanup_hook(env, environmentEnds, running);
    try {
      running->thread_ = std::thread([running] { running->run(); });
    } catch (...) {
      // The system has no more threads. Nobody else holds the function, so `forget` runs soon.
      running->error_ = std::current_exception();
      running->settle(env);
      running->function_.Release();
    }
    return promise;
  }

 private:
  static void settle(Napi::Env env, Napi::Function, RunningJob*, RunningJob* self) {
    // Without an environment the hook has joined the thread already.
    if (self != nullptr && static_cast<napi_env>(env) != nullptr) self->settle(env);
  }
  using Function = Napi::TypedThreadSafeFunction<RunningJob, RunningJob, &RunningJob::settle>;

  RunningJob(Napi::Env env, Job job) : env_(env), job_(std::move(job)), deferred_(Napi::Promise::Deferred::New(env)) {}

  void run() {
    try {
      job_.work();
    } catch (...) {
      error_ = std::current_exception();
    }
    function_.NonBlockingCall(this);
    function_.Release();
  }

  void settle(Napi::Env env) {
    if (thread_.joinable()) thread_.join();
    napi_remove_env_cleanup_hook(env_, environmentEnds, this);
    const Napi::HandleScope scope(env);
    try {
      if (job_.ended) job_.ended();
      if (error_) {
        deferred_.Reject(toJsError(env, error_).Value());
      } else {
        deferred_.Resolve(job_.result(env));
      }
    } catch (...) {
      deferred_.Reject(toJsError(env, std::current_exception()).Value());
    }
  }

  static void environmentEnds(void* data) {
    auto* self = static_cast<RunningJob*>(data);
    if (self->job_.cancel) self->job_.cancel();
    if (self->thread_.joinable()) self->thread_.join();
  }

  napi_env env_;
  Job job_;
  Napi::Promise::Deferred deferred_;
  Function function_;
  std::thread thread_;
  std::exception_ptr error_;
};

}  // namespace

Napi::Promise runInBackground(Napi::Env env, Job job) { return RunningJob::start(env, std::move(job)); }

}  // namespace canopy::bindings
