// Class ClockLock: SM clocks held while it lives. src/native/power-addon.ts has its type. Where a worker or the process
// ends, the clocks float again: by the object's finalizer, and at exit() for process.exit().
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "bindings/arguments.h"
#include "bindings/at_exit.h"
#include "bindings/power_options.h"
#include "bindings/register.h"
#include "power/clock_lock.h"

namespace canopy::bindings {
namespace {

class ClockLockBinding : public Napi::ObjectWrap<ClockLockBinding> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "ClockLock", {InstanceMethod<&ClockLockBinding::release>("release")});
  }

  /// ({gpus, smClockMHz, nvmlLibrary?})
  explicit ClockLockBinding(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<ClockLockBinding>(info), lock_(guarded(info.Env(), [&] { return make(info); })) {
    endAtExit(lock_, [](nvml::ClockLock& lock) { lock.release(); });
  }

 private:
  static std::shared_ptr<nvml::ClockLock> make(const Napi::CallbackInfo& info) {
    const Napi::Object options = objectArgument(info);
    const double clock = numberField(options, "smClockMHz");
    if (!(clock >= 1.0 && clock <= 1e5)) throw std::invalid_argument("smClockMHz has to be 1 to 100000");
    std::vector<nvml::Gpu> gpus = chosenGpus(options);
    if (gpus.empty()) throw std::invalid_argument("gpus is empty: nothing to lock");
    return std::make_shared<nvml::ClockLock>(std::move(gpus), static_cast<unsigned>(clock));
  }

  /// Lets the clocks float; what NVML refused is returned as texts.
  Napi::Value release(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      Napi::Array refused = Napi::Array::New(info.Env());
      for (const nvml::Status& status : lock_->release()) {
        refused.Set(refused.Length(), Napi::String::New(info.Env(), status.message()));
      }
      return refused;
    });
  }

  std::shared_ptr<nvml::ClockLock> lock_;
};

}  // namespace

void registerClockLock(Napi::Env env, Napi::Object exports) { exports.Set("ClockLock", ClockLockBinding::define(env)); }

}  // namespace canopy::bindings
