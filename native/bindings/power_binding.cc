// describePower(): what of this host's power can be read, and why the rest cannot. Class PowerSampler: the sampling
// thread. Class ClockLock: SM clocks held while it lives. src/native/power-addon.ts has their types.
//
// Where a worker or the process ends, the sampling thread is joined and the clocks float again: by the objects'
// finalizers, and by exit() for process.exit(), which runs no finalizers.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bindings/errors.h"
#include "bindings/register.h"
#include "common/error.h"
#include "power/clock_lock.h"
#include "power/sampler.h"

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

/// `field` of an object, or `otherwise` where it is undefined.
std::string textField(const Napi::Value& object, const char* field, const std::string& otherwise) {
  if (!object.IsObject()) return otherwise;
  const Napi::Value value = object.As<Napi::Object>().Get(field);
  if (value.IsUndefined()) return otherwise;
  if (!value.IsString()) throw argumentError(object.Env(), std::string(field) + " has to be a string");
  return value.As<Napi::String>().Utf8Value();
}

double numberField(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsNumber()) throw argumentError(object.Env(), std::string(field) + " has to be a number");
  return value.As<Napi::Number>().DoubleValue();
}

std::vector<std::string> textsField(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsArray()) throw argumentError(object.Env(), std::string(field) + " has to be an array of strings");
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> texts;
  for (std::uint32_t i = 0; i < array.Length(); i++) {
    const Napi::Value text = array.Get(i);
    if (!text.IsString()) throw argumentError(object.Env(), std::string(field) + " has to be an array of strings");
    texts.push_back(text.As<Napi::String>().Utf8Value());
  }
  return texts;
}

Napi::Object objectArgument(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) throw argumentError(info.Env(), "expected an object of options");
  return info[0].As<Napi::Object>();
}

std::string libraryPath(const Napi::Value& options) { return textField(options, "nvmlLibrary", nvml::DEFAULT_LIBRARY); }
std::string raplFolder(const Napi::Value& options) { return textField(options, "raplFolder", DEFAULT_RAPL_FOLDER); }

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

/// Zones that belong to the host's sum and can be read; `reason` where there is none.
std::vector<RaplZone> readableZones(const std::vector<RaplZone>& zones, std::string& reason) {
  std::vector<RaplZone> readable;
  for (const RaplZone& zone : zones) {
    if (!zone.counted) continue;
    if (zone.refusal.empty()) {
      readable.push_back(zone);
    } else if (reason.empty()) {
      reason = zone.refusal;
    }
  }
  if (!readable.empty()) reason.clear();
  if (readable.empty() && reason.empty()) reason = "none of the RAPL counters is a package's";
  return readable;
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
    result.Set("nvml", describeNvml(info.Env(), libraryPath(info[0])));
    result.Set("rapl", describeRapl(info.Env(), raplFolder(info[0])));
    return result;
  });
}

/// The GPUs of `keys`, in their order. Throws where one is not there, is refused, or is named twice.
std::vector<nvml::Gpu> chosenGpus(const std::string& path, const std::vector<std::string>& keys) {
  std::vector<nvml::Gpu> chosen;
  if (keys.empty()) return chosen;
  std::string reason;
  const auto library = nvml::Library::open(path, reason);
  if (!library) throw Error("ERR_CANOPY_NVML_UNAVAILABLE", reason);
  std::map<unsigned, nvml::Status> failures;
  nvml::Status countStatus;
  const std::vector<nvml::Gpu> gpus = nvml::listGpus(library, failures, countStatus);
  if (!countStatus.ok()) throw Error(countStatus.errorCode(), countStatus.message());
  std::string known;
  for (const nvml::Gpu& gpu : gpus) known += (known.empty() ? "" : ", ") + gpu.description().uuid;
  for (const std::string& key : keys) {
    const auto found = std::find_if(gpus.begin(), gpus.end(), [&](const nvml::Gpu& gpu) { return gpu.matches(key); });
    if (found == gpus.end()) {
      throw Error("ERR_CANOPY_NVML_NO_DEVICE",
                  "no GPU '" + key + "': expected a uuid or PCI bus id of " + (known.empty() ? "none" : known));
    }
    const nvml::GpuDescription& description = found->description();
    if (!description.refusal.empty()) {
      throw Error("ERR_CANOPY_NVML_REFUSED", "GPU " + description.uuid + ": " + description.refusal);
    }
    const bool twice = std::any_of(chosen.begin(), chosen.end(),
                                   [&](const nvml::Gpu& gpu) { return gpu.description().index == description.index; });
    if (twice) throw std::invalid_argument("GPU " + description.uuid + " is named twice");
    chosen.push_back(*found);
  }
  return chosen;
}

Napi::Float64Array arrayOf(Napi::Env env, const double* values, std::size_t count) {
  auto array = Napi::Float64Array::New(env, count);
  std::copy_n(values, count, array.Data());
  return array;
}

/// What exit() has to end. Registered anew for each object, after its driver library was opened: handlers run in
/// reverse order, and the library's own would otherwise pull it down under the sampling thread.
class AtExit {
 public:
  template <typename T, typename End>
  static void add(const std::shared_ptr<T>& object, End end) {
    const std::lock_guard<std::mutex> guard(lock());
    std::erase_if(entries(), [](const Entry& entry) { return entry.object.expired(); });
    entries().push_back({object, [weak = std::weak_ptr<T>(object), end] {
                           if (const auto alive = weak.lock()) end(*alive);
                         }});
    std::atexit(run);
  }

 private:
  struct Entry {
    std::weak_ptr<void> object;
    std::function<void()> end;
  };

  // Never destroyed: handlers may run after the destructors of this file.
  static std::mutex& lock() {
    static auto& mutex = *new std::mutex;
    return mutex;
  }
  static std::vector<Entry>& entries() {
    static auto& all = *new std::vector<Entry>;
    return all;
  }
  static void run() {
    const std::lock_guard<std::mutex> guard(lock());
    for (const Entry& entry : entries()) entry.end();
  }
};

class PowerSamplerBinding : public Napi::ObjectWrap<PowerSamplerBinding> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "PowerSampler",
        {InstanceMethod<&PowerSamplerBinding::start>("start"), InstanceMethod<&PowerSamplerBinding::mark>("mark"),
         InstanceMethod<&PowerSamplerBinding::latest>("latest"), InstanceMethod<&PowerSamplerBinding::stop>("stop")});
  }

  /// ({gpus, cpu, periodMs, capacity, nvmlLibrary?, raplFolder?})
  explicit PowerSamplerBinding(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<PowerSamplerBinding>(info), sampler_(guarded(info.Env(), [&] { return make(info); })) {
    AtExit::add(sampler_, [](PowerSampler& sampler) { sampler.stop(); });
  }

 private:
  std::shared_ptr<PowerSampler> make(const Napi::CallbackInfo& info) {
    const Napi::Object options = objectArgument(info);
    std::vector<nvml::Gpu> gpus = chosenGpus(libraryPath(options), textsField(options, "gpus"));
    std::vector<RaplCounter> counters;
    if (options.Get("cpu").ToBoolean()) {
      std::string reason;
      for (const RaplZone& zone : readableZones(listRaplZones(raplFolder(options), reason), reason)) {
        counters.emplace_back(zone);
      }
      if (counters.empty()) throw Error("ERR_CANOPY_RAPL_UNAVAILABLE", reason);
    }
    if (gpus.empty() && counters.empty()) throw std::invalid_argument("nothing to sample: name gpus, or set cpu");
    const double capacity = numberField(options, "capacity");
    if (!(capacity >= 2.0 && capacity <= 1e8)) throw std::invalid_argument("capacity has to be 2 to 1e8 rows");
    periodSeconds_ = numberField(options, "periodMs") * 1e-3;
    return std::make_shared<PowerSampler>(std::move(gpus), std::move(counters),
                                          SamplerOptions{periodSeconds_, static_cast<std::size_t>(capacity)});
  }

  Napi::Value start(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      sampler_->start();
      return info.Env().Undefined();
    });
  }

  Napi::Value mark(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      if (!info[0].IsString()) throw argumentError(info.Env(), "a mark's label has to be a string");
      return Napi::Number::New(info.Env(), sampler_->mark(info[0].As<Napi::String>().Utf8Value()));
    });
  }

  /// The newest row, or null before the first.
  Napi::Value latest(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      const std::size_t rows = sampler_->count();
      if (rows == 0) return info.Env().Null();
      Napi::Array gpus = Napi::Array::New(info.Env());
      for (std::size_t i = 0; i < sampler_->gpus().size(); i++) {
        Napi::Object gpu = Napi::Object::New(info.Env());
        gpu.Set("uuid", sampler_->gpus()[i].description().uuid);
        for (std::size_t column = 0; column < nvml::COLUMN_COUNT; column++) {
          gpu.Set(nvml::COLUMN_NAMES[column], sampler_->gpuColumn(i, static_cast<nvml::Column>(column))[rows - 1]);
        }
        gpus.Set(gpus.Length(), gpu);
      }
      return gpus;
    });
  }

  /// Ends the thread and hands over all columns; a second call hands over the same.
  Napi::Value stop(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      sampler_->stop();
      return samples(info.Env());
    });
  }

  Napi::Object samples(Napi::Env env) const {
    const PowerSampler& sampler = *sampler_;
    const std::size_t rows = sampler.count();
    Napi::Object result = Napi::Object::New(env);
    result.Set("periodSeconds", periodSeconds_);
    result.Set("rows", static_cast<double>(rows));
    result.Set("missedDeadlines", static_cast<double>(sampler.missedDeadlines()));
    result.Set("lostRows", static_cast<double>(sampler.lostRows()));
    result.Set("wakeErrorSeconds", arrayOf(env, sampler.wakeErrorSeconds(), rows));
    Napi::Array marks = Napi::Array::New(env);
    for (const Mark& mark : sampler.marks()) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("label", mark.label);
      entry.Set("seconds", mark.seconds);
      marks.Set(marks.Length(), entry);
    }
    result.Set("marks", marks);
    Napi::Array gpus = Napi::Array::New(env);
    for (std::size_t i = 0; i < sampler.gpus().size(); i++) gpus.Set(gpus.Length(), gpuSamples(env, i, rows));
    result.Set("gpus", gpus);
    Napi::Array zones = Napi::Array::New(env);
    for (std::size_t i = 0; i < sampler.zones().size(); i++) {
      Napi::Object zone = Napi::Object::New(env);
      zone.Set("name", sampler.zones()[i].zone().name);
      zone.Set("path", sampler.zones()[i].zone().path);
      zone.Set("seconds", arrayOf(env, sampler.zoneSeconds(i), rows));
      zone.Set("microjoules", arrayOf(env, sampler.zoneMicrojoules(i), rows));
      zones.Set(zones.Length(), zone);
    }
    result.Set("zones", zones);
    return result;
  }

  Napi::Object gpuSamples(Napi::Env env, std::size_t index, std::size_t rows) const {
    const nvml::Gpu& of = sampler_->gpus()[index];
    Napi::Object gpu = Napi::Object::New(env);
    gpu.Set("uuid", of.description().uuid);
    gpu.Set("pciBusId", of.description().pciBusId);
    gpu.Set("powerSource", nvml::nameOf(of.description().powerSource));
    Napi::Object columns = Napi::Object::New(env);
    for (std::size_t column = 0; column < nvml::COLUMN_COUNT; column++) {
      columns.Set(nvml::COLUMN_NAMES[column],
                  arrayOf(env, sampler_->gpuColumn(index, static_cast<nvml::Column>(column)), rows));
    }
    gpu.Set("columns", columns);
    Napi::Array failures = Napi::Array::New(env);
    for (const auto& [call, failure] : of.failures()) {
      Napi::Object entry = Napi::Object::New(env);
      entry.Set("code", failure.status.errorCode());
      entry.Set("message", failure.status.message());
      entry.Set("firstSeconds", failure.firstSeconds);
      entry.Set("times", static_cast<double>(failure.times));
      failures.Set(failures.Length(), entry);
    }
    gpu.Set("failures", failures);
    return gpu;
  }

  double periodSeconds_ = 0.0;
  std::shared_ptr<PowerSampler> sampler_;
};

class ClockLockBinding : public Napi::ObjectWrap<ClockLockBinding> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "ClockLock", {InstanceMethod<&ClockLockBinding::release>("release")});
  }

  /// ({gpus, smClockMHz, nvmlLibrary?})
  explicit ClockLockBinding(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<ClockLockBinding>(info), lock_(guarded(info.Env(), [&] { return make(info); })) {
    AtExit::add(lock_, [](nvml::ClockLock& lock) { lock.release(); });
  }

 private:
  static std::shared_ptr<nvml::ClockLock> make(const Napi::CallbackInfo& info) {
    const Napi::Object options = objectArgument(info);
    const double clock = numberField(options, "smClockMHz");
    if (!(clock >= 1.0 && clock <= 1e5)) throw std::invalid_argument("smClockMHz has to be 1 to 100000");
    std::vector<nvml::Gpu> gpus = chosenGpus(libraryPath(options), textsField(options, "gpus"));
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

void registerPower(Napi::Env env, Napi::Object exports) {
  exports.Set("describePower", Napi::Function::New(env, describePower));
  exports.Set("PowerSampler", PowerSamplerBinding::define(env));
  exports.Set("ClockLock", ClockLockBinding::define(env));
}

}  // namespace canopy::bindings
