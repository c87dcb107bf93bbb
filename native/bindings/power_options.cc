#include "bindings/power_options.h"

#include <algorithm>
#include <map>
#include <stdexcept>

#include "bindings/arguments.h"
#include "common/error.h"

namespace canopy::bindings {
namespace {

std::string textOption(const Napi::Value& options, const char* field, const char* otherwise) {
  return options.IsObject() ? textField(options.As<Napi::Object>(), field, otherwise) : otherwise;
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

}  // namespace

std::string nvmlLibraryOf(const Napi::Value& options) {
  return textOption(options, "nvmlLibrary", nvml::DEFAULT_LIBRARY);
}

std::string raplFolderOf(const Napi::Value& options) { return textOption(options, "raplFolder", DEFAULT_RAPL_FOLDER); }

std::vector<nvml::Gpu> chosenGpus(const Napi::Object& options) {
  const std::vector<std::string> keys = textsField(options, "gpus");
  std::vector<nvml::Gpu> chosen;
  if (keys.empty()) return chosen;
  std::string reason;
  const auto library = nvml::Library::open(nvmlLibraryOf(options), reason);
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

}  // namespace canopy::bindings
