// Class PowerSampler: the sampling thread. src/native/power-addon.ts has its type. Where a worker or the process ends,
// the thread is joined: by the object's finalizer, and at exit() for process.exit().
#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "bindings/arguments.h"
#include "bindings/at_exit.h"
#include "bindings/power_options.h"
#include "bindings/register.h"
#include "common/error.h"
#include "power/sampler.h"

namespace canopy::bindings {
namespace {

Napi::Float64Array arrayOf(Napi::Env env, const double* values, std::size_t count) {
  auto array = Napi::Float64Array::New(env, count);
  std::copy_n(values, count, array.Data());
  return array;
}

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
    endAtExit(sampler_, [](PowerSampler& sampler) { sampler.stop(); });
  }

 private:
  std::shared_ptr<PowerSampler> make(const Napi::CallbackInfo& info) {
    const Napi::Object options = objectArgument(info);
    std::vector<nvml::Gpu> gpus = chosenGpus(options);
    std::vector<RaplCounter> counters;
    if (options.Get("cpu").ToBoolean()) {
      std::string reason;
      for (const RaplZone& zone : readableZones(listRaplZones(raplFolderOf(options), reason), reason)) {
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

}  // namespace

void registerPowerSampler(Napi::Env env, Napi::Object exports) {
  exports.Set("PowerSampler", PowerSamplerBinding::define(env));
}

}  // namespace canopy::bindings
