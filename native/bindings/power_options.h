// What the bindings of power/ are told alike: the driver library, the folder of counters, the GPUs.
#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "power/gpu.h"
#include "power/rapl.h"

namespace canopy::bindings {

/// `nvmlLibrary` of an object of options, which may be undefined.
std::string nvmlLibraryOf(const Napi::Value& options);

/// `raplFolder`, likewise.
std::string raplFolderOf(const Napi::Value& options);

/// The GPUs that `gpus` names by uuid or PCI bus id, in their order. Throws where one is not there, is refused, or is
/// named twice.
std::vector<nvml::Gpu> chosenGpus(const Napi::Object& options);

/// Zones that belong to the host's sum and can be read; `reason` where there is none.
std::vector<RaplZone> readableZones(const std::vector<RaplZone>& zones, std::string& reason);

}  // namespace canopy::bindings
