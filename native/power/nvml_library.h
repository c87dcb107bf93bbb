// libnvidia-ml.so.1, bound at run time: a machine without a driver loads the addon and is told why there is no NVML.
// What the library answers is a value (Status), never an exception: a profile says what could not be read and why.
// Thread rules: NVML itself is thread-safe and this class is immutable after open().
#pragma once

#include <memory>
#include <string>
#include <type_traits>

#include "power/nvml_abi.h"

namespace canopy::nvml {

/// What a call came to. `call` is the exported name; a function that the driver does not have is FUNCTION_NOT_FOUND.
struct Status {
  Return code = SUCCESS;
  const char* call = "";
  std::string text;

  bool ok() const { return code == SUCCESS; }
  /// e.g. `nvmlDeviceGetTotalEnergyConsumption: Not Supported (3)`.
  std::string message() const;
  /// e.g. `ERR_CANOPY_NVML_NOT_SUPPORTED`; of a code without a word here `ERR_CANOPY_NVML_27`.
  std::string errorCode() const;
};

/// A null pointer is a function that this driver does not have.
struct Functions {
#define CANOPY_NVML_MEMBER(name, type) std::add_pointer_t<type> name = nullptr;
  CANOPY_NVML_FUNCTIONS(CANOPY_NVML_MEMBER)
#undef CANOPY_NVML_MEMBER
};

class Library {
 public:
  /// Loads and initialises. Where that fails the pointer is null and `reason` says why.
  static std::shared_ptr<const Library> open(const std::string& path, std::string& reason);

  /// Shuts NVML down and unloads.
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  /// Calls a function of the table, e.g. `library.call(&Functions::nvmlDeviceGetPowerUsage, "...", handle,
  /// &milliwatts)`. CANOPY_NVML_CALL writes the name once.
  template <typename Member, typename... Arguments>
  Status call(Member member, const char* name, Arguments... arguments) const {
    const auto function = functions_.*member;
    if (function == nullptr) return {FUNCTION_NOT_FOUND, name, "the driver does not have this function"};
    const Return code = function(arguments...);
    if (code == SUCCESS) return {SUCCESS, name, {}};
    return {code, name, textOf(code)};
  }

  std::string textOf(Return code) const;
  const std::string& path() const { return path_; }
  std::string driverVersion() const;
  std::string nvmlVersion() const;
  /// e.g. 13000 for CUDA 13.0; 0 where not known.
  int cudaDriverVersion() const;

 private:
  Library(void* library, std::string path);

  void* library_;
  std::string path_;
  Functions functions_;
};

/// The library that drivers install.
constexpr const char* DEFAULT_LIBRARY = "libnvidia-ml.so.1";

}  // namespace canopy::nvml

/// Calls NVML's function `name`.
#define CANOPY_NVML_CALL(library, name, ...) \
  (library).call(&canopy::nvml::Functions::name, #name __VA_OPT__(, ) __VA_ARGS__)
