// Compares power/nvml_abi.h with a real nvml.h, number by number and signature by signature. Built only where the build
// found one; the comparison happens when this file is compiled.
#include "power/nvml_abi.h"
// After ours: it defines macros over its own names.
#include <nvml.h>

#include <cstddef>
#include <tuple>
#include <type_traits>

#include "testing/check.h"

using namespace canopy;

namespace {

/// Pointers agree with pointers, numbers (enums too) with numbers of the same size.
template <typename Ours, typename Theirs>
constexpr bool alike = std::is_pointer_v<Ours> == std::is_pointer_v<Theirs> && sizeof(Ours) == sizeof(Theirs);

template <typename Ours, typename Theirs>
struct Signature;

template <typename R, typename... A, typename S, typename... B>
struct Signature<R(A...), S(B...)> {
  template <typename P, typename Q>
  struct Arguments : std::false_type {};
  template <typename... P, typename... Q>
  requires(sizeof...(P) == sizeof...(Q)) struct Arguments<std::tuple<P...>, std::tuple<Q...>>
      : std::bool_constant<(alike<P, Q> && ...)> {
  };

  static constexpr bool same = alike<R, S> && Arguments<std::tuple<A...>, std::tuple<B...>>::value;
};

template <typename Ours, typename Theirs>
constexpr bool sameSignature = Signature<Ours, std::remove_pointer_t<Theirs>>::same;

}  // namespace

namespace canopy::nvml {
#define CANOPY_NVML_COMPARE(name, type) \
  static_assert(sameSignature<type, decltype(&::name)>, #name " has another signature in nvml.h");
CANOPY_NVML_FUNCTIONS(CANOPY_NVML_COMPARE)
#undef CANOPY_NVML_COMPARE
}  // namespace canopy::nvml

static_assert(nvml::SUCCESS == NVML_SUCCESS);
static_assert(nvml::UNINITIALIZED == NVML_ERROR_UNINITIALIZED);
static_assert(nvml::NOT_SUPPORTED == NVML_ERROR_NOT_SUPPORTED);
static_assert(nvml::NO_PERMISSION == NVML_ERROR_NO_PERMISSION);
static_assert(nvml::INSUFFICIENT_SIZE == NVML_ERROR_INSUFFICIENT_SIZE);
static_assert(nvml::DRIVER_NOT_LOADED == NVML_ERROR_DRIVER_NOT_LOADED);
static_assert(nvml::FUNCTION_NOT_FOUND == NVML_ERROR_FUNCTION_NOT_FOUND);
static_assert(nvml::GPU_IS_LOST == NVML_ERROR_GPU_IS_LOST);

static_assert(nvml::CLOCK_SM == NVML_CLOCK_SM);
static_assert(nvml::CLOCK_MEMORY == NVML_CLOCK_MEM);
static_assert(nvml::TEMPERATURE_GPU == NVML_TEMPERATURE_GPU);
static_assert(nvml::ARCHITECTURE_AMPERE == NVML_DEVICE_ARCH_AMPERE);
static_assert(nvml::MIG_ENABLED == NVML_DEVICE_MIG_ENABLE);

static_assert(nvml::REASON_IDLE == nvmlClocksThrottleReasonGpuIdle);
static_assert(nvml::REASON_APPLICATION_CLOCKS == nvmlClocksThrottleReasonApplicationsClocksSetting);
static_assert(nvml::REASON_SOFTWARE_POWER_CAP == nvmlClocksThrottleReasonSwPowerCap);
static_assert(nvml::REASON_HARDWARE_SLOWDOWN == nvmlClocksThrottleReasonHwSlowdown);
static_assert(nvml::REASON_SYNC_BOOST == nvmlClocksThrottleReasonSyncBoost);
static_assert(nvml::REASON_SOFTWARE_THERMAL == nvmlClocksThrottleReasonSwThermalSlowdown);
static_assert(nvml::REASON_HARDWARE_THERMAL == nvmlClocksThrottleReasonHwThermalSlowdown);
static_assert(nvml::REASON_POWER_BRAKE == nvmlClocksThrottleReasonHwPowerBrakeSlowdown);

// Headers from before driver 530 do not know these.
#ifdef NVML_FI_DEV_POWER_INSTANT
static_assert(nvml::FIELD_POWER_INSTANT == NVML_FI_DEV_POWER_INSTANT);
#endif
#ifdef NVML_POWER_SCOPE_GPU
static_assert(nvml::SCOPE_GPU == NVML_POWER_SCOPE_GPU);
static_assert(nvml::SCOPE_MODULE == NVML_POWER_SCOPE_MODULE);
#endif

static_assert(static_cast<int>(nvml::ValueType::REAL) == NVML_VALUE_TYPE_DOUBLE);
static_assert(static_cast<int>(nvml::ValueType::UNSIGNED_INT) == NVML_VALUE_TYPE_UNSIGNED_INT);
static_assert(static_cast<int>(nvml::ValueType::UNSIGNED_LONG) == NVML_VALUE_TYPE_UNSIGNED_LONG);
static_assert(static_cast<int>(nvml::ValueType::UNSIGNED_LONG_LONG) == NVML_VALUE_TYPE_UNSIGNED_LONG_LONG);
static_assert(static_cast<int>(nvml::ValueType::SIGNED_LONG_LONG) == NVML_VALUE_TYPE_SIGNED_LONG_LONG);

static_assert(sizeof(nvml::FieldValue) == sizeof(nvmlFieldValue_t));
static_assert(offsetof(nvml::FieldValue, scopeId) == offsetof(nvmlFieldValue_t, scopeId));
static_assert(offsetof(nvml::FieldValue, valueType) == offsetof(nvmlFieldValue_t, valueType));
static_assert(offsetof(nvml::FieldValue, result) == offsetof(nvmlFieldValue_t, nvmlReturn));
static_assert(offsetof(nvml::FieldValue, value) == offsetof(nvmlFieldValue_t, value));
static_assert(sizeof(nvml::PciInfo) == sizeof(nvmlPciInfo_t));
static_assert(offsetof(nvml::PciInfo, domain) == offsetof(nvmlPciInfo_t, domain));
static_assert(offsetof(nvml::PciInfo, bus) == offsetof(nvmlPciInfo_t, bus));
static_assert(offsetof(nvml::PciInfo, device) == offsetof(nvmlPciInfo_t, device));
static_assert(offsetof(nvml::PciInfo, busId) == offsetof(nvmlPciInfo_t, busId));
static_assert(sizeof(nvml::Memory) == sizeof(nvmlMemory_t));
static_assert(offsetof(nvml::Memory, used) == offsetof(nvmlMemory_t, used));
static_assert(sizeof(nvml::Utilization) == sizeof(nvmlUtilization_t));
static_assert(sizeof(nvml::ProcessInfo) == sizeof(nvmlProcessInfo_t));
static_assert(offsetof(nvml::ProcessInfo, usedGpuMemory) == offsetof(nvmlProcessInfo_t, usedGpuMemory));

TEST("our part of NVML's binary interface is that of nvml.h") { CHECK(NVML_API_VERSION >= 11); }
