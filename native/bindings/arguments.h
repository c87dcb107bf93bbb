// Reading the fields of option objects. Every error names the field and what was expected, as ERR_CANOPY_ARGUMENT.
#pragma once

#include <napi.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "bindings/errors.h"

namespace canopy::bindings {

inline Napi::Object objectArgument(const Napi::CallbackInfo& info) {
  if (!info[0].IsObject()) throw argumentError(info.Env(), "expected an object of options");
  return info[0].As<Napi::Object>();
}

inline double numberField(const Napi::Object& object, const char* field) {
  const Napi::Value value = object.Get(field);
  if (!value.IsNumber()) throw argumentError(object.Env(), std::string(field) + " has to be a number");
  return value.As<Napi::Number>().DoubleValue();
}

/// An integer from `lowest` on; `otherwise` where the field is undefined and there is one.
inline std::int64_t integerField(const Napi::Object& object, const char* field, std::int64_t lowest,
                                 std::int64_t highest = std::numeric_limits<std::int32_t>::max(),
                                 const std::int64_t* otherwise = nullptr) {
  if (otherwise != nullptr && object.Get(field).IsUndefined()) return *otherwise;
  const double value = numberField(object, field);
  // Written so that a NaN is refused.
  if (!(value >= static_cast<double>(lowest) && value <= static_cast<double>(highest)) || value != std::floor(value)) {
    throw argumentError(object.Env(), std::string(field) + " has to be an integer of " + std::to_string(lowest) +
                                          " to " + std::to_string(highest));
  }
  return static_cast<std::int64_t>(value);
}

inline int intField(const Napi::Object& object, const char* field, int lowest) {
  return static_cast<int>(integerField(object, field, lowest));
}

inline int intField(const Napi::Object& object, const char* field, int lowest, std::int64_t otherwise) {
  return static_cast<int>(integerField(object, field, lowest, std::numeric_limits<std::int32_t>::max(), &otherwise));
}

inline std::string textField(const Napi::Object& object, const char* field, const std::string& otherwise) {
  const Napi::Value value = object.Get(field);
  if (value.IsUndefined()) return otherwise;
  if (!value.IsString()) throw argumentError(object.Env(), std::string(field) + " has to be a string");
  return value.As<Napi::String>().Utf8Value();
}

inline bool flagField(const Napi::Object& object, const char* field, bool otherwise) {
  const Napi::Value value = object.Get(field);
  if (value.IsUndefined()) return otherwise;
  if (!value.IsBoolean()) throw argumentError(object.Env(), std::string(field) + " has to be a boolean");
  return value.As<Napi::Boolean>().Value();
}

/// A copy of a typed array of `T`.
template <typename T>
std::vector<T> columnField(const Napi::Object& object, const char* field, napi_typedarray_type type, const char* name) {
  const Napi::Value value = object.Get(field);
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) {
    throw argumentError(object.Env(), std::string(field) + " has to be a " + name);
  }
  const auto array = value.As<Napi::TypedArrayOf<T>>();
  return std::vector<T>(array.Data(), array.Data() + array.ElementLength());
}

/// A typed array with a copy of a column.
template <typename To, typename From>
Napi::Value typedArray(Napi::Env env, const std::vector<From>& column) {
  auto array = Napi::TypedArrayOf<To>::New(env, column.size());
  To* place = array.Data();
  for (const From& value : column) *place++ = static_cast<To>(value);
  return array;
}

}  // namespace canopy::bindings
