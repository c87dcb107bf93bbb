#include "common/available_memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>

namespace canopy {

namespace {

/// The first word of a file as a number; nothing for another word ("max") or no file.
std::optional<std::size_t> numberIn(const std::string& path) {
  std::ifstream file(path);
  std::size_t number = 0;
  return file >> number ? std::optional(number) : std::nullopt;
}

/// The number behind a word at the begin of a line.
std::optional<std::size_t> numberOf(const std::string& path, const std::string& word) {
  std::ifstream file(path);
  std::string key;
  std::size_t number = 0;
  while (file >> key >> number) {
    if (key == word) return number;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return std::nullopt;
}

/// What a group may still take.
std::optional<std::size_t> roomOf(const std::string& limitFile, const std::string& usageFile,
                                  const std::string& statFile, const std::string& droppable) {
  const auto limit = numberIn(limitFile);
  const auto usage = numberIn(usageFile);
  if (!limit || !usage) return std::nullopt;
  const std::size_t held = *usage - std::min(*usage, numberOf(statFile, droppable).value_or(0));
  return *limit - std::min(*limit, held);
}

}  // namespace

std::size_t availableMemoryBytes(const std::string& procFolder, const std::string& controlGroupFolder) {
  std::size_t available = std::numeric_limits<std::size_t>::max();
  if (const auto kilobytes = numberOf(procFolder + "/meminfo", "MemAvailable:")) available = *kilobytes * 1024;
  const std::string& v2 = controlGroupFolder;
  const std::string v1 = controlGroupFolder + "/memory";
  for (const auto& room : {roomOf(v2 + "/memory.max", v2 + "/memory.current", v2 + "/memory.stat", "inactive_file"),
                           roomOf(v1 + "/memory.limit_in_bytes", v1 + "/memory.usage_in_bytes", v1 + "/memory.stat",
                                  "total_inactive_file")}) {
    if (room) available = std::min(available, *room);
  }
  return available;
}

}  // namespace canopy
