// Large, page-aligned memory that is not touched until somebody writes to it.
#pragma once

#include <cstddef>

namespace canopy::cpu {

/// Zeroed memory in huge pages where the system has them. Pages come from the memory node of the thread that first
/// writes to them.
class PageBuffer {
 public:
  PageBuffer() = default;
  /// Throws std::runtime_error where the system gives no such memory.
  explicit PageBuffer(std::size_t bytes);
  ~PageBuffer();
  PageBuffer(PageBuffer&& other) noexcept;
  PageBuffer& operator=(PageBuffer&& other) noexcept;
  PageBuffer(const PageBuffer&) = delete;
  PageBuffer& operator=(const PageBuffer&) = delete;

  std::size_t bytes() const { return bytes_; }
  template <typename T>
  T* as() const {
    return static_cast<T*>(data_);
  }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace canopy::cpu
