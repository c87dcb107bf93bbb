#include "power/nvml_library.h"

#include <dlfcn.h>

#include <utility>

namespace canopy::nvml {
namespace {

const char* wordOf(Return code) {
  switch (code) {
    case UNINITIALIZED:
      return "UNINITIALIZED";
    case NOT_SUPPORTED:
      return "NOT_SUPPORTED";
    case NO_PERMISSION:
      return "NO_PERMISSION";
    case DRIVER_NOT_LOADED:
      return "DRIVER_NOT_LOADED";
    case FUNCTION_NOT_FOUND:
      return "FUNCTION_NOT_FOUND";
    case GPU_IS_LOST:
      return "GPU_IS_LOST";
    default:
      return nullptr;
  }
}

}  // namespace

std::string Status::message() const { return std::string(call) + ": " + text + " (" + std::to_string(code) + ")"; }

std::string Status::errorCode() const {
  const char* word = wordOf(code);
  return "ERR_CANOPY_NVML_" + (word == nullptr ? std::to_string(code) : std::string(word));
}

Library::Library(void* library, std::string path) : library_(library), path_(std::move(path)) {
#define CANOPY_NVML_BIND(name, type) \
  functions_.name = reinterpret_cast<std::add_pointer_t<type>>(dlsym(library_, #name));
  CANOPY_NVML_FUNCTIONS(CANOPY_NVML_BIND)
#undef CANOPY_NVML_BIND
  // Drivers from 535 on know the reasons by this name; the old one may go.
  if (auto* symbol = dlsym(library_, "nvmlDeviceGetCurrentClocksEventReasons")) {
    functions_.nvmlDeviceGetCurrentClocksThrottleReasons =
        reinterpret_cast<decltype(functions_.nvmlDeviceGetCurrentClocksThrottleReasons)>(symbol);
  }
}

std::shared_ptr<const Library> Library::open(const std::string& path, std::string& reason) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    reason = dlerror();
    return nullptr;
  }
  // Not make_shared: the constructor is private. From here on the destructor unloads.
  auto library = std::shared_ptr<Library>(new Library(handle, path));
  const Status status = CANOPY_NVML_CALL(*library, nvmlInit_v2);
  if (status.ok()) return library;
  reason = status.message();
  library->functions_.nvmlShutdown = nullptr;
  return nullptr;
}

Library::~Library() {
  if (functions_.nvmlShutdown != nullptr) functions_.nvmlShutdown();
  dlclose(library_);
}

std::string Library::textOf(Return code) const {
  const char* text = functions_.nvmlErrorString == nullptr ? nullptr : functions_.nvmlErrorString(code);
  return text == nullptr ? "NVML error" : text;
}

std::string Library::driverVersion() const {
  char text[80] = "";
  return CANOPY_NVML_CALL(*this, nvmlSystemGetDriverVersion, text, unsigned{sizeof text}).ok() ? text : "";
}

std::string Library::nvmlVersion() const {
  char text[80] = "";
  return CANOPY_NVML_CALL(*this, nvmlSystemGetNVMLVersion, text, unsigned{sizeof text}).ok() ? text : "";
}

int Library::cudaDriverVersion() const {
  int version = 0;
  return CANOPY_NVML_CALL(*this, nvmlSystemGetCudaDriverVersion_v2, &version).ok() ? version : 0;
}

}  // namespace canopy::nvml
