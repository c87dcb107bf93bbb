// How much memory this process may still take.
#pragma once

#include <cstddef>
#include <string>

namespace canopy {

/// Bytes that can be used without swapping, and without the kernel ending this process for passing its container's
/// limit: the host's MemAvailable and the room under the control group's limit (version 2 or 1), whichever is less.
/// Pages of files that the group can drop count as room. The largest number where nothing says.
std::size_t availableMemoryBytes(const std::string& procFolder = "/proc",
                                 const std::string& controlGroupFolder = "/sys/fs/cgroup");

}  // namespace canopy
