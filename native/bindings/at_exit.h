// What exit() has to end, since it runs no finalizers: threads that call a driver, clocks that are locked.
#pragma once

#include <functional>
#include <memory>

namespace canopy::bindings {

/// Runs `end` at exit() where `object` is alive then. To be called after the object's driver library was opened:
/// handlers run in reverse order, and the library's own would otherwise pull it down under a thread that calls it. Any
/// thread.
void addAtExit(std::weak_ptr<void> object, std::function<void()> end);

template <typename T, typename End>
void endAtExit(const std::shared_ptr<T>& object, End end) {
  addAtExit(object, [weak = std::weak_ptr<T>(object), end] {
    if (const auto alive = weak.lock()) end(*alive);
  });
}

}  // namespace canopy::bindings
