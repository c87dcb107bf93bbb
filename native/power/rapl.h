// CPU energy from Linux's powercap folder (RAPL): one counter for each package and memory, in microjoules. Files are
// readable by root only on most systems. AMD's packages have the same files.
// Thread rules: a zone belongs to one thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace canopy {

/// A counter. `counted` says whether it is part of the host's sum: packages are, and memory that is apart from them;
/// cores and uncore lie inside their package, and psys (the whole board) holds the packages.
struct RaplZone {
  std::string name;  ///< e.g. package-0, dram
  std::string path;  ///< its folder
  bool counted = false;
  std::string refusal;  ///< why it cannot be read; empty where it can
  std::uint64_t rangeMicrojoules = 0;
};

constexpr const char* DEFAULT_RAPL_FOLDER = "/sys/class/powercap";

/// Every zone below `folder`, packages in order of their number; empty, with the reason, where there is none.
std::vector<RaplZone> listRaplZones(const std::string& folder, std::string& reason);

/// Reads one zone and undoes the wrap of its counter, which comes after minutes at load: read more often than that.
class RaplCounter {
 public:
  explicit RaplCounter(RaplZone zone);

  const RaplZone& zone() const { return zone_; }

  /// Microjoules since the first reading, or nothing where the file cannot be read.
  std::optional<double> read();

 private:
  RaplZone zone_;
  bool began_ = false;
  std::uint64_t last_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace canopy
