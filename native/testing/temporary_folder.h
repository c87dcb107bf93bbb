// A folder of files that a test writes, gone at its end.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

namespace canopy::testing {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    path_ = (std::filesystem::temp_directory_path() / "canopy-test-XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no folder like " + path_);
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  /// `file` may be in a folder that is not there yet.
  void write(const std::string& file, const std::string& text) const {
    const std::filesystem::path place = std::filesystem::path(path_) / file;
    std::filesystem::create_directories(place.parent_path());
    std::ofstream(place) << text << '\n';
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace canopy::testing
