#include "testing/check.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <vector>

namespace canopy::testing {
namespace {

struct Test {
  const char* name;
  void (*body)();
};

/// A function's own static: registrations of other files run before main in no certain order.
std::vector<Test>& tests() {
  static std::vector<Test> all;
  return all;
}

int failures = 0;
const char* current = "";

bool chosen(const char* name, int count, char** arguments) {
  if (count < 2) return true;
  for (int i = 1; i < count; i++) {
    if (std::strstr(name, arguments[i]) != nullptr) return true;
  }
  return false;
}

}  // namespace

Registration::Registration(const char* name, void (*body)()) { tests().push_back({name, body}); }

void fail(const char* file, int line, const std::string& message) {
  failures++;
  std::printf("%s:%d: [%s] %s\n", file, line, current, message.c_str());
  std::fflush(stdout);
}

}  // namespace canopy::testing

int main(int count, char** arguments) {
  using namespace canopy::testing;
  int ran = 0;
  int skipped = 0;
  for (const Test& test : tests()) {
    if (!chosen(test.name, count, arguments)) continue;
    current = test.name;
    const int before = failures;
    const auto began = std::chrono::steady_clock::now();
    try {
      test.body();
      ran++;
    } catch (const Skip& skip) {
      skipped++;
      std::printf("skipped  %s: %s\n", test.name, skip.reason.c_str());
      continue;
    } catch (const std::exception& error) {
      ran++;
      fail(__FILE__, __LINE__, std::string("threw: ") + error.what());
    } catch (...) {
      ran++;
      fail(__FILE__, __LINE__, "threw something that is no std::exception");
    }
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    std::printf("%s  %s (%.0f ms)\n", failures == before ? "passed " : "FAILED ", test.name, took * 1e3);
    std::fflush(stdout);
  }
  std::printf("%d tests, %d skipped, %d failed checks\n", ran, skipped, failures);
  if (failures > 0) return 1;
  if (ran > 0) return 0;
  // A suite without a test that runs proves nothing: skipped where tests said why, an error otherwise.
  return skipped > 0 ? 77 : 1;
}
