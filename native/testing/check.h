// The suites' harness: TEST, CHECK, CHECK_EQUAL, CHECK_CLOSE, CHECK_THROWS, SKIP. Failures are printed with file and
// line and counted; a test goes on after a failed check. One thread: checks are not to be made on others.
//
//   TEST("a free block is given once") {
//     CHECK_EQUAL(pool.free(), 3);
//   }
//
// Every suite is a program: its arguments choose the tests whose names contain one of them. It leaves with 0 when all
// passed, 1 when a check failed, 77 (skipped, for ctest) when nothing ran but skips.
#pragma once

#include <cmath>
#include <sstream>
#include <string>
#include <type_traits>

namespace canopy::testing {

/// Adds a test to the suite; called by TEST before main.
struct Registration {
  Registration(const char* name, void (*body)());
};

/// Prints and counts a failure.
void fail(const char* file, int line, const std::string& message);

/// Thrown by SKIP; ends the test without a failure.
struct Skip {
  std::string reason;
};

/// As printed in a failure.
template <typename T>
std::string shown(const T& value) {
  std::ostringstream out;
  out.precision(17);
  if constexpr (std::is_same_v<T, bool>) {
    out << (value ? "true" : "false");
  } else if constexpr (std::is_enum_v<T>) {
    out << static_cast<long long>(value);
  } else if constexpr (sizeof(T) == 1 && std::is_integral_v<T>) {
    out << static_cast<int>(value);
  } else if constexpr (requires { out << value; }) {
    out << value;
  } else if constexpr (requires {
                         value.begin();
                         value.end();
                       }) {
    out << "[";
    const char* separator = "";
    for (const auto& item : value) {
      out << separator << shown(item);
      separator = ", ";
    }
    out << "]";
  } else {
    out << "a value of " << sizeof(T) << " bytes";
  }
  return out.str();
}

template <typename A, typename B>
void checkEqual(const char* file, int line, const char* text, const A& got, const B& wanted) {
  if (!(got == wanted)) fail(file, line, std::string(text) + " is " + shown(got) + ", expected " + shown(wanted));
}

/// |got - wanted| <= tolerance; a NaN is never close.
inline void checkClose(const char* file, int line, const char* text, double got, double wanted, double tolerance) {
  if (std::abs(got - wanted) <= tolerance || got == wanted) return;
  fail(file, line, std::string(text) + " is " + shown(got) + ", expected " + shown(wanted) + " +- " + shown(tolerance));
}

/// `body` has to throw an E whose message contains `part`.
template <typename E, typename Body>
void checkThrows(const char* file, int line, const char* text, const std::string& part, Body body) {
  try {
    body();
  } catch (const E& error) {
    const std::string message = error.what();
    if (message.find(part) == std::string::npos) {
      fail(file, line, std::string(text) + " threw '" + message + "', expected '" + part + "' in it");
    }
    return;
  } catch (...) {
    fail(file, line, std::string(text) + " threw an error of another type");
    return;
  }
  fail(file, line, std::string(text) + " threw nothing");
}

}  // namespace canopy::testing

#define CANOPY_JOIN_(a, b) a##b
#define CANOPY_JOIN(a, b) CANOPY_JOIN_(a, b)

/// A test: a name in words, then a body in braces.
#define TEST(name)                                                                                                  \
  static void CANOPY_JOIN(testBody, __LINE__)();                                                                    \
  static const canopy::testing::Registration CANOPY_JOIN(testOf, __LINE__)(name, &CANOPY_JOIN(testBody, __LINE__)); \
  static void CANOPY_JOIN(testBody, __LINE__)()

#define CHECK(condition)                                                                      \
  do {                                                                                        \
    if (!(condition)) canopy::testing::fail(__FILE__, __LINE__, #condition " does not hold"); \
  } while (false)

/// got == wanted; both are printed where they differ.
#define CHECK_EQUAL(got, wanted) canopy::testing::checkEqual(__FILE__, __LINE__, #got, (got), (wanted))

/// |got - wanted| <= tolerance, in double.
#define CHECK_CLOSE(got, wanted, tolerance)                                                                    \
  canopy::testing::checkClose(__FILE__, __LINE__, #got, static_cast<double>(got), static_cast<double>(wanted), \
                              (tolerance))

/// The expression has to throw `type` (an std::exception) with `part` in its message.
#define CHECK_THROWS(expression, type, part) \
  canopy::testing::checkThrows<type>(__FILE__, __LINE__, #expression, (part), [&] { (void)(expression); })

/// Ends the test as skipped and prints the reason.
#define SKIP(reason) \
  throw canopy::testing::Skip { reason }
