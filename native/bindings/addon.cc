// The addon's exports, and nothing else.
#include "bindings/register.h"

namespace {

Napi::Object registerAll(Napi::Env env, Napi::Object exports) {
  (void)env;
  return exports;
}

}  // namespace

NODE_API_MODULE(canopy_native, registerAll)
