#include "bindings/at_exit.h"

#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

namespace canopy::bindings {
namespace {

struct Entry {
  std::weak_ptr<void> object;
  std::function<void()> end;
};

// Never destroyed: handlers may run after the destructors of this file.
std::mutex& lock() {
  static auto& mutex = *new std::mutex;
  return mutex;
}

std::vector<Entry>& entries() {
  static auto& all = *new std::vector<Entry>;
  return all;
}

void endAll() {
  const std::lock_guard<std::mutex> guard(lock());
  for (const Entry& entry : entries()) entry.end();
}

}  // namespace

void addAtExit(std::weak_ptr<void> object, std::function<void()> end) {
  const std::lock_guard<std::mutex> guard(lock());
  std::erase_if(entries(), [](const Entry& entry) { return entry.object.expired(); });
  entries().push_back({std::move(object), std::move(end)});
  std::atexit(endAll);  // anew for each object: the order of handlers is that of their registration
}

}  // namespace canopy::bindings
