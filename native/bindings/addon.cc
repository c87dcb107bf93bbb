// The addon's exports, and nothing else. src/native/addon.ts has their types.
#include "bindings/register.h"

namespace {

Napi::Object registerAll(Napi::Env env, Napi::Object exports) {
  using namespace canopy::bindings;
  registerClockLock(env, exports);
  registerDense(env, exports);
  registerDescribe(env, exports);
  registerEngine(env, exports);
  registerPowerDescription(env, exports);
  registerPowerSampler(env, exports);
  return exports;
}

}  // namespace

NODE_API_MODULE(canopy_native, registerAll)
