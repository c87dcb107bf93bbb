// What the addon's core throws: an error with a stable code, which JavaScript sees as `error.code`.
#pragma once

#include <stdexcept>
#include <string>

namespace canopy {

/// Codes start with ERR_CANOPY_; the message says what failed, on what, and what to do.
///
/// Plain standard exceptions are fine too: std::invalid_argument and std::out_of_range become ERR_CANOPY_ARGUMENT,
/// std::bad_alloc ERR_CANOPY_MEMORY, anything else ERR_CANOPY_FAILED.
class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}

  const std::string& code() const { return code_; }

 private:
  std::string code_;
};

}  // namespace canopy
