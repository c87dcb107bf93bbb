// C++ exceptions as JavaScript errors with a stable `code`: the one place where that happens.
#pragma once

#include <napi.h>

#include <exception>
#include <string>
#include <utility>

namespace canopy::bindings {

/// The JavaScript error of an exception. Only on the thread of `env`.
Napi::Error toJsError(Napi::Env env, const std::exception_ptr& exception);

/// An error of a caller's argument, ERR_CANOPY_ARGUMENT.
Napi::Error argumentError(Napi::Env env, const std::string& message);

/// Runs the body of a binding; whatever it throws arrives in JavaScript as an Error with a code.
///
///   exports.Set("f", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
///     return guarded(info.Env(), [&]() -> Napi::Value { ... });
///   }));
template <typename Body>
auto guarded(Napi::Env env, Body&& body) -> decltype(body()) {
  try {
    return std::forward<Body>(body)();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw toJsError(env, std::current_exception());
  }
}

}  // namespace canopy::bindings
