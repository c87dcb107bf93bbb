#include "bindings/errors.h"

#include <new>
#include <stdexcept>

#include "common/error.h"

namespace canopy::bindings {
namespace {

Napi::Error coded(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

}  // namespace

Napi::Error toJsError(Napi::Env env, const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const Napi::Error& error) {
    return error;
  } catch (const Error& error) {
    return coded(env, error.code(), error.what());
  } catch (const std::invalid_argument& error) {
    return coded(env, "ERR_CANOPY_ARGUMENT", error.what());
  } catch (const std::out_of_range& error) {
    return coded(env, "ERR_CANOPY_ARGUMENT", error.what());
  } catch (const std::bad_alloc&) {
    return coded(env, "ERR_CANOPY_MEMORY", "out of memory: choose a smaller shape, batch or cache");
  } catch (const std::exception& error) {
    return coded(env, "ERR_CANOPY_FAILED", error.what());
  } catch (...) {
    return coded(env, "ERR_CANOPY_FAILED", "the addon threw something that is no std::exception");
  }
}

Napi::Error argumentError(Napi::Env env, const std::string& message) {
  return coded(env, "ERR_CANOPY_ARGUMENT", message);
}

}  // namespace canopy::bindings
