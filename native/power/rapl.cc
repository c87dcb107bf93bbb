#include "power/rapl.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <tuple>
#include <utility>

namespace canopy {
namespace {

/// The first line of a small file; errno's text where it cannot be read.
bool readLine(const std::string& path, std::string& line, std::string& reason) {
  std::FILE* file = std::fopen(path.c_str(), "r");
  char text[128];
  const bool read = file != nullptr && std::fgets(text, sizeof text, file) != nullptr;
  if (!read) reason = path + ": " + (errno == 0 ? "empty" : std::strerror(errno));
  if (file != nullptr) std::fclose(file);
  if (!read) return false;
  line.assign(text, std::strcspn(text, "\n"));
  return true;
}

bool readNumber(const std::string& path, std::uint64_t& number, std::string& reason) {
  std::string line;
  errno = 0;
  if (!readLine(path, line, reason)) return false;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
  if (error == std::errc() && end == line.data() + line.size()) return true;
  reason = path + ": '" + line + "' is no number";
  return false;
}

bool isPackage(const std::string& name) { return name.starts_with("package"); }

}  // namespace

std::vector<RaplZone> listRaplZones(const std::string& folder, std::string& reason) {
  std::vector<std::tuple<int, int, std::string>> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename();
    int package = -1;
    int part = -1;
    int end = 0;
    // Other control types (intel-rapl-mmio) show the same packages again.
    if (std::sscanf(name.c_str(), "intel-rapl:%d%n:%d%n", &package, &end, &part, &end) < 1) continue;
    if (static_cast<std::size_t>(end) != name.size()) continue;
    found.emplace_back(package, part, entry.path());
  }
  if (error) {
    reason = folder + ": " + error.message();
    return {};
  }
  if (found.empty()) {
    reason = folder + " holds no RAPL counter: the kernel or the virtual machine offers none";
    return {};
  }
  std::sort(found.begin(), found.end());
  std::vector<RaplZone> zones;
  int parentNumber = -1;
  std::string parent;
  for (const auto& [package, part, path] : found) {
    if (package != parentNumber) parent.clear();
    parentNumber = package;
    RaplZone zone;
    zone.path = path;
    std::string problem;
    errno = 0;
    if (!readLine(path + "/name", zone.name, problem)) zone.refusal = problem;
    if (part < 0) parent = zone.name;
    zone.counted = part < 0 ? isPackage(zone.name) : zone.name == "dram" && isPackage(parent);
    std::uint64_t energy = 0;
    if (zone.refusal.empty() && (!readNumber(path + "/max_energy_range_uj", zone.rangeMicrojoules, problem) ||
                                 !readNumber(path + "/energy_uj", energy, problem))) {
      zone.refusal = problem;
    }
    zones.push_back(std::move(zone));
  }
  return zones;
}

RaplCounter::RaplCounter(RaplZone zone) : zone_(std::move(zone)) {}

std::optional<double> RaplCounter::read() {
  std::uint64_t now = 0;
  std::string problem;
  if (!readNumber(zone_.path + "/energy_uj", now, problem)) return std::nullopt;
  if (began_) total_ += now >= last_ ? now - last_ : zone_.rangeMicrojoules - last_ + now;
  began_ = true;
  last_ = now;
  return static_cast<double>(total_);
}

}  // namespace canopy
