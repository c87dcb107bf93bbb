// What each file of this folder adds to the addon's exports: a line here, a call in addon.cc.
#pragma once

#include <napi.h>

namespace canopy::bindings {

void registerClockLock(Napi::Env env, Napi::Object exports);
void registerDense(Napi::Env env, Napi::Object exports);
void registerDescribe(Napi::Env env, Napi::Object exports);
void registerEngine(Napi::Env env, Napi::Object exports);
void registerPowerDescription(Napi::Env env, Napi::Object exports);
void registerPowerSampler(Napi::Env env, Napi::Object exports);

}  // namespace canopy::bindings
