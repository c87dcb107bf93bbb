// The free blocks of the KV cache, by number. One thread.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <vector>

namespace canopy {

class BlockPool {
 public:
  explicit BlockPool(int blocks) : total_(blocks) {
    free_.reserve(static_cast<std::size_t>(blocks));
    reset();
  }

  int total() const { return total_; }
  int free() const { return static_cast<int>(free_.size()); }

  /// The block given back last, which a cache may still know. Throws std::logic_error when none is free.
  std::int32_t take() {
    if (free_.empty()) throw std::logic_error("a block was taken from an empty pool");
    const std::int32_t block = free_.back();
    free_.pop_back();
    return block;
  }

  void giveBack(std::int32_t block) {
    if (free() == total_) throw std::logic_error("a block was given back twice");
    free_.push_back(block);
  }

  void reset() {
    free_.clear();
    for (std::int32_t block = total_ - 1; block >= 0; --block) free_.push_back(block);
  }

 private:
  int total_;
  std::vector<std::int32_t> free_;
};

}  // namespace canopy
