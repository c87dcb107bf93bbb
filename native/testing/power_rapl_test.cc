#include <unistd.h>

#include <filesystem>

#include "power/rapl.h"
#include "power/sampler.h"
#include "testing/check.h"
#include "testing/temporary_folder.h"

using namespace canopy;

namespace {

/// A powercap folder of files.
class Folder : public canopy::testing::TemporaryFolder {
 public:
  void zone(const std::string& id, const std::string& name, const std::string& energy, const std::string& range) const {
    write(id + "/name", name);
    write(id + "/max_energy_range_uj", range);
    write(id + "/energy_uj", energy);
  }
};

}  // namespace

TEST("packages and their memory count; cores, uncore and the board do not") {
  const Folder folder;
  folder.zone("intel-rapl:10", "package-10", "1", "1000");
  folder.zone("intel-rapl:0", "package-0", "1", "1000");
  folder.zone("intel-rapl:0:0", "core", "1", "1000");
  folder.zone("intel-rapl:0:1", "uncore", "1", "1000");
  folder.zone("intel-rapl:0:2", "dram", "1", "1000");
  folder.zone("intel-rapl:1", "package-1", "1", "1000");
  folder.zone("intel-rapl:2", "psys", "1", "1000");
  folder.zone("intel-rapl-mmio:0", "package-0", "1", "1000");
  std::filesystem::create_directories(folder.path() + "/intel-rapl");
  std::string reason;
  std::string counted;
  std::string all;
  for (const RaplZone& zone : listRaplZones(folder.path(), reason)) {
    CHECK_EQUAL(zone.refusal, std::string());
    all += zone.name + " ";
    if (zone.counted) counted += zone.name + " ";
  }
  CHECK_EQUAL(all, std::string("package-0 core uncore dram package-1 psys package-10 "));
  CHECK_EQUAL(counted, std::string("package-0 dram package-1 package-10 "));
}

TEST("no folder, no counter, no permission, no number: each with its reason") {
  std::string reason;
  CHECK(listRaplZones("/nonexistent/powercap", reason).empty());
  CHECK_EQUAL(reason, std::string("/nonexistent/powercap: No such file or directory"));
  const Folder folder;
  CHECK(listRaplZones(folder.path(), reason).empty());
  CHECK(reason.find("holds no RAPL counter") != std::string::npos);
  folder.zone("intel-rapl:0", "package-0", "many", "1000");
  CHECK(listRaplZones(folder.path(), reason)[0].refusal.ends_with("'many' is no number"));
  folder.zone("intel-rapl:0", "package-0", "5", "1000");
  std::filesystem::remove(folder.path() + "/intel-rapl:0/energy_uj");
  CHECK(listRaplZones(folder.path(), reason)[0].refusal.ends_with("energy_uj: No such file or directory"));
  if (geteuid() == 0) return;  // root may read what nobody may
  folder.zone("intel-rapl:0", "package-0", "5", "1000");
  std::filesystem::permissions(folder.path() + "/intel-rapl:0/energy_uj", std::filesystem::perms::none);
  CHECK(listRaplZones(folder.path(), reason)[0].refusal.ends_with("energy_uj: Permission denied"));
}

TEST("a counter that wraps goes on") {
  const Folder folder;
  folder.zone("intel-rapl:0", "package-0", "900", "1000");
  std::string reason;
  RaplCounter counter(listRaplZones(folder.path(), reason)[0]);
  const auto at = [&](const char* energy) {
    folder.write("intel-rapl:0/energy_uj", energy);
    return counter.read().value_or(-1.0);
  };
  CHECK_EQUAL(at("900"), 0.0);
  CHECK_EQUAL(at("950"), 50.0);
  CHECK_EQUAL(at("30"), 130.0);  // 50 to the end of the range, 30 after it
  CHECK_EQUAL(at("30"), 130.0);
  CHECK_EQUAL(at("10"), 1110.0);
  std::filesystem::remove(folder.path() + "/intel-rapl:0/energy_uj");
  CHECK(!counter.read().has_value());
}

TEST("the sampler reads zones beside GPUs") {
  const Folder folder;
  folder.zone("intel-rapl:0", "package-0", "900", "1000");
  std::string reason;
  std::vector<RaplCounter> counters{RaplCounter(listRaplZones(folder.path(), reason)[0])};
  PowerSampler sampler({}, std::move(counters), {0.005, 100});
  sampler.start();
  folder.write("intel-rapl:0/energy_uj", "100");
  sampler.stop();
  CHECK_EQUAL(sampler.zoneMicrojoules(0)[0], 0.0);
  CHECK_EQUAL(sampler.zoneMicrojoules(0)[sampler.count() - 1], 200.0);
  CHECK(sampler.zoneSeconds(0)[sampler.count() - 1] > sampler.zoneSeconds(0)[0]);
}
