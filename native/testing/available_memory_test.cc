#include "common/available_memory.h"

#include <limits>

#include "testing/check.h"
#include "testing/temporary_folder.h"

using canopy::availableMemoryBytes;
using canopy::testing::TemporaryFolder;

namespace {

std::size_t availableIn(const TemporaryFolder& folder) {
  return availableMemoryBytes(folder.path() + "/proc", folder.path() + "/cgroup");
}

void writeHost(const TemporaryFolder& folder) {
  folder.write("proc/meminfo", "MemTotal:       8000 kB\nMemFree:        1000 kB\nMemAvailable:   4000 kB");
}

}  // namespace

TEST("this host says how much there is") {
  CHECK(availableMemoryBytes() > 0);
  CHECK(availableMemoryBytes() < std::numeric_limits<std::size_t>::max());
}

TEST("nothing says: the largest number") {
  const TemporaryFolder folder;
  CHECK_EQUAL(availableIn(folder), std::numeric_limits<std::size_t>::max());
}

TEST("no limit: what the host has") {
  const TemporaryFolder folder;
  writeHost(folder);
  folder.write("cgroup/memory.max", "max");
  folder.write("cgroup/memory.current", "1000");
  CHECK_EQUAL(availableIn(folder), std::size_t{4000 * 1024});
}

TEST("a container's limit counts, less what it holds and cannot drop") {
  const TemporaryFolder folder;
  writeHost(folder);
  folder.write("cgroup/memory.max", "3000000");
  folder.write("cgroup/memory.current", "1000000");
  CHECK_EQUAL(availableIn(folder), std::size_t{2000000});
  folder.write("cgroup/memory.stat", "anon 500000\nfile 500000\ninactive_file 400000");
  CHECK_EQUAL(availableIn(folder), std::size_t{2400000});
  folder.write("cgroup/memory.current", "3500000");  // over its limit, as it may be for a moment
  CHECK_EQUAL(availableIn(folder), std::size_t{0});
  folder.write("cgroup/memory.max", "90000000");
  CHECK_EQUAL(availableIn(folder), std::size_t{4000 * 1024});
}

TEST("the same of control groups version 1") {
  const TemporaryFolder folder;
  writeHost(folder);
  folder.write("cgroup/memory/memory.limit_in_bytes", "3000000");
  folder.write("cgroup/memory/memory.usage_in_bytes", "1000000");
  folder.write("cgroup/memory/memory.stat", "cache 1\ntotal_inactive_file 200000");
  CHECK_EQUAL(availableIn(folder), std::size_t{2200000});
  folder.write("cgroup/memory/memory.limit_in_bytes", "9223372036854771712");  // none
  CHECK_EQUAL(availableIn(folder), std::size_t{4000 * 1024});
}
