// describePower(): what of this host's power can be read, and why the rest cannot. src/native/power-addon.ts has its
// type.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bindings/errors.h"
#include "bindings/power_options.h"
#include "bindings/register.h"

namespace canopy::bindings {
namespace {

Napi::Value textOrNull(Napi::Env env, const std::string& text) {
  return text.empty() ? env.Null() : Napi::Value(Napi::String::New(env, text));
}

template <typename T>
Napi::Value numberOrNull(Napi::Env env, const std::optional<T>& value, double factor = 1.0) {
  return value ? Napi::Value(Napi::Number::New(env, static_cast<double>(*value) * factor)) : env.Null();
}

Napi::Value flagOrNull(Napi::Env env, const std::optional<bool>& value) {
  return value ? Napi::Value(Napi::Boolean::New(env, *value)) : env.Null();
}

/// Null, or why there is no value.
Napi::Value reasonOf(Napi::Env env, const nvml::Status& status) {
  return status.ok() ? env.Null() : Napi::Value(Napi::String::New(env, status.message()));
}

Napi::Object describeGpu(Napi::Env env, const nvml::GpuDescription& of) {
  Napi::Object gpu = Napi::Object::New(env);
  gpu.Set("index", of.index);
  gpu.Set("name", of.name);
  gpu.Set("uuid", of.uuid);
  gpu.Set("pciBusId", of.pciBusId);
  gpu.Set("vbiosVersion", textOrNull(env, of.vbiosVersion));
  gpu.Set("computeCapability", of.computeMajor == 0
                                   ? env.Null()
                                   : Napi::Value(Napi::String::New(env, std::to_string(of.computeMajor) + "." +
                                                                            std::to_string(of.computeMinor))));
  gpu.Set("powerLimitWatts", numberOrNull(env, of.enforcedPowerLimitMilliwatts, 1e-3));
  gpu.Set("defaultPowerLimitWatts", numberOrNull(env, of.defaultPowerLimitMilliwatts, 1e-3));
  gpu.Set("minimumPowerLimitWatts", numberOrNull(env, of.minimumPowerLimitMilliwatts, 1e-3));
  gpu.Set("maximumPowerLimitWatts", numberOrNull(env, of.maximumPowerLimitMilliwatts, 1e-3));
  gpu.Set("maximumSmClockMHz", numberOrNull(env, of.maximumSmClockMHz));
  gpu.Set("maximumMemoryClockMHz", numberOrNull(env, of.maximumMemoryClockMHz));
  gpu.Set("memoryBytes", numberOrNull(env, of.memoryBytes));
  gpu.Set("persistenceMode", flagOrNull(env, of.persistenceMode));
  gpu.Set("ecc", flagOrNull(env, of.ecc));
  gpu.Set("mig", flagOrNull(env, of.mig));
  Napi::Array processes = Napi::Array::New(env);
  for (const nvml::GpuProcess& process : of.computeProcesses) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("pid", process.pid);
    entry.Set("usedBytes", numberOrNull(env, process.usedBytes));
    processes.Set(processes.Length(), entry);
  }
  gpu.Set("computeProcesses", of.computeProcessesStatus.ok() ? Napi::Value(processes) : env.Null());
  gpu.Set("computeProcessesReason", reasonOf(env, of.computeProcessesStatus));
  gpu.Set("energyCounterReason", reasonOf(env, of.energyCounterStatus));
  gpu.Set("powerSource", nvml::nameOf(of.powerSource));
  gpu.Set("powerUsageIsAverage", of.powerUsageIsAverage);
  gpu.Set("refusal", textOrNull(env, of.refusal));
  return gpu;
}

Napi::Object describeNvml(Napi::Env env, const std::string& path) {
  Napi::Object result = Napi::Object::New(env);
  Napi::Array gpus = Napi::Array::New(env);
  Napi::Array unopened = Napi::Array::New(env);
  std::string reason;
  const auto library = nvml::Library::open(path, reason);
  result.Set("driverVersion", library ? textOrNull(env, library->driverVersion()) : env.Null());
  result.Set("nvmlVersion", library ? textOrNull(env, library->nvmlVersion()) : env.Null());
  const int cuda = library ? library->cudaDriverVersion() : 0;
  result.Set("cudaDriverVersion", cuda > 0 ? Napi::Value(Napi::Number::New(env, cuda)) : env.Null());
  if (library) {
    std::map<unsigned, nvml::Status> failures;
    nvml::Status countStatus;
    for (const nvml::Gpu& gpu : nvml::listGpus(library, failures, countStatus)) {
      gpus.Set(gpus.Length(), describeGpu(env, gpu.description()));
    }
    for (const auto& [index, status] : failures) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("index", index);
      entry.Set("reason", status.message());
      unopened.Set(unopened.Length(), entry);
    }
    if (!countStatus.ok()) reason = countStatus.message();
    if (reason.empty() && gpus.Length() == 0) reason = "the driver shows no GPU that can be opened";
  }
  result.Set("reason", textOrNull(env, reason));
  result.Set("gpus", gpus);
  result.Set("unopened", unopened);
  return result;
}

Napi::Object describeZone(Napi::Env env, const RaplZone& of) {
  Napi::Object zone = Napi::Object::New(env);
  zone.Set("name", of.name);
  zone.Set("path", of.path);
  zone.Set("counted", of.counted);
  zone.Set("refusal", textOrNull(env, of.refusal));
  return zone;
}

Napi::Object describeRapl(Napi::Env env, const std::string& folder) {
  Napi::Object result = Napi::Object::New(env);
  std::string reason;
  const std::vector<RaplZone> zones = listRaplZones(folder, reason);
  Napi::Array described = Napi::Array::New(env);
  for (const RaplZone& zone : zones) described.Set(described.Length(), describeZone(env, zone));
  (void)readableZones(zones, reason);
  result.Set("reason", textOrNull(env, reason));
  result.Set("zones", described);
  return result;
}

Napi::Value describePower(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Object result = Napi::Object::New(info.Env());
    result.Set("nvml", describeNvml(info.Env(), nvmlLibraryOf(info[0])));
    result.Set("rapl", describeRapl(info.Env(), raplFolderOf(info[0])));
    return result;
  });
}

}  // namespace

void registerPowerDescription(Napi::Env env, Napi::Object exports) {
  exports.Set("describePower", Napi::Function::New(env, describePower));
}

}  // namespace canopy::bindings
