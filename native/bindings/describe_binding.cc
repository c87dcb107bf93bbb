// describe(): the build and the processor. describeCuda(): devices, or why there are none.
#include "bindings/errors.h"
#include "bindings/register.h"
#include "common/build_record.h"
#include "common/host_cpu.h"
#include "cuda/device_state.h"

namespace canopy::bindings {
namespace {

/// A string, or null for an empty one.
Napi::Value textOrNull(Napi::Env env, const std::string& text) {
  return text.empty() ? env.Null() : Napi::String::New(env, text);
}

Napi::Object buildOf(Napi::Env env) {
  Napi::Object build = Napi::Object::New(env);
  build.Set("compiler", build_record::compiler);
  build.Set("flags", build_record::flags);
  build.Set("system", build_record::system);
  build.Set("cuda", textOrNull(env, build_record::cudaCompiler));
  build.Set("cudaArchitectures", textOrNull(env, build_record::cudaArchitectures));
  build.Set("commit", textOrNull(env, build_record::commit));
  return build;
}

Napi::Object cpuOf(Napi::Env env, const HostCpu& host) {
  Napi::Object cpu = Napi::Object::New(env);
  cpu.Set("model", textOrNull(env, host.model));
  Napi::Array sets = Napi::Array::New(env);
  for (const std::string& name : host.instructionSets) sets.Set(sets.Length(), name);
  cpu.Set("instructionSets", sets);
  cpu.Set("usableThreads", host.usableThreads);
  cpu.Set("usableCores", host.usableCores);
  cpu.Set("quotaCpus", host.quotaCpus > 0 ? Napi::Number::New(env, host.quotaCpus) : env.Null());
  return cpu;
}

Napi::Object deviceOf(Napi::Env env, const CudaDevice& from) {
  Napi::Object device = Napi::Object::New(env);
  device.Set("index", from.index);
  device.Set("name", from.name);
  device.Set("uuid", from.uuid);
  device.Set("pciBus", textOrNull(env, from.pciBus));
  device.Set("compute", std::to_string(from.computeMajor) + "." + std::to_string(from.computeMinor));
  device.Set("multiprocessors", from.multiprocessors);
  device.Set("memoryBytes", static_cast<double>(from.memoryBytes));
  return device;
}

Napi::Value describe(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    Napi::Object description = Napi::Object::New(env);
    description.Set("build", buildOf(env));
    description.Set("cpu", cpuOf(env, hostCpu()));
    return description;
  });
}

Napi::Value describeCuda(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, [&]() -> Napi::Value {
    const CudaState state = cudaState();
    Napi::Object cuda = Napi::Object::New(env);
    cuda.Set("driverVersion", state.driverVersion);
    cuda.Set("runtimeVersion", state.runtimeVersion);
    Napi::Array devices = Napi::Array::New(env);
    for (const CudaDevice& device : state.devices) devices.Set(devices.Length(), deviceOf(env, device));
    cuda.Set("devices", devices);
    cuda.Set("reason", textOrNull(env, state.reason));
    return cuda;
  });
}

}  // namespace

void registerDescribe(Napi::Env env, Napi::Object exports) {
  exports.Set("describe", Napi::Function::New(env, describe, "describe"));
  exports.Set("describeCuda", Napi::Function::New(env, describeCuda, "describeCuda"));
}

}  // namespace canopy::bindings
