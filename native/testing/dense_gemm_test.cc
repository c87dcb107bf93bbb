// The product of every instruction set that this CPU has against a sum in double.
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "dense/kernels.h"
#include "testing/check.h"

using namespace canopy::dense;

namespace {

/// Numbers in [-0.5, 0.5), the same in every run.
std::vector<float> numbers(std::ptrdiff_t count, std::uint32_t seed) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<float>(seed >> 8) / 16777216.0F - 0.5F;
  }
  return values;
}

float naive(const GemmArguments& g, std::ptrdiff_t i, std::ptrdiff_t j, float before) {
  double sum = 0.0;
  for (std::ptrdiff_t p = 0; p < g.k; ++p) {
    const float a = g.transA ? g.a[p * g.m + i] : g.a[i * g.k + p];
    const float b = g.transB ? g.b[j * g.k + p] : g.b[p * g.n + j];
    sum += static_cast<double>(a) * static_cast<double>(b);
  }
  const double old = g.beta == 0.0F ? 0.0 : static_cast<double>(g.beta) * static_cast<double>(before);
  return static_cast<float>(static_cast<double>(g.alpha) * sum + old);
}

void compare(Isa isa, GemmArguments g, const std::vector<float>& c) {
  const std::vector<float> a = numbers(g.m * g.k, 1);
  const std::vector<float> b = numbers(g.k * g.n, 2);
  g.a = a.data();
  g.b = b.data();
  // One number more than the product holds: a write past the end shows.
  std::vector<float> result = c;
  result.push_back(7.0F);
  g.c = result.data();
  kernelsOf(isa).gemm(g);
  double worst = 0.0;
  for (std::ptrdiff_t i = 0; i < g.m; ++i) {
    for (std::ptrdiff_t j = 0; j < g.n; ++j) {
      const auto at = static_cast<std::size_t>(i * g.n + j);
      const double error = std::fabs(static_cast<double>(result[at]) - static_cast<double>(naive(g, i, j, c[at])));
      if (!(error <= worst)) worst = error;
    }
  }
  CHECK_CLOSE(worst, 0.0, 1e-6 * (4.0 + std::sqrt(static_cast<double>(g.k))));
  CHECK_EQUAL(result.back(), 7.0F);
}

}  // namespace

TEST("all transposes and odd sizes equal the naive product") {
  const std::ptrdiff_t sizes[][3] = {{1, 1, 1},    {1, 33, 5},   {2, 31, 7},  {3, 3, 300},  {5, 17, 16},
                                     {6, 16, 4},   {7, 32, 3},   {8, 8, 8},   {9, 33, 257}, {13, 65, 9},
                                     {16, 1, 256}, {31, 29, 23}, {40, 64, 1}, {65, 66, 67}, {96, 47, 513}};
  for (const Isa isa : isasHere()) {
    for (const auto& size : sizes) {
      for (int transposes = 0; transposes < 4; ++transposes) {
        GemmArguments g;
        g.transA = (transposes & 1) != 0;
        g.transB = (transposes & 2) != 0;
        g.m = size[0];
        g.n = size[1];
        g.k = size[2];
        // A product that is not read may hold anything.
        compare(isa, g,
                std::vector<float>(static_cast<std::size_t>(g.m * g.n), std::numeric_limits<float>::quiet_NaN()));
        g.alpha = -0.5F;
        g.beta = 2.0F;
        compare(isa, g, numbers(g.m * g.n, 3));
      }
    }
  }
}

TEST("without depth or factor only beta counts") {
  for (const Isa isa : isasHere()) {
    GemmArguments g;
    g.m = 3;
    g.n = 5;
    g.k = 0;
    g.beta = 0.5F;
    compare(isa, g, numbers(15, 4));
    g.beta = 0.0F;
    compare(isa, g, std::vector<float>(15, std::numeric_limits<float>::quiet_NaN()));
  }
}

TEST("a row does not depend on how many rows are computed with it") {
  const std::ptrdiff_t m = 37;
  const std::ptrdiff_t n = 45;
  const std::ptrdiff_t k = 300;
  const std::vector<float> a = numbers(m * k, 5);
  const std::vector<float> b = numbers(k * n, 6);
  for (const Isa isa : isasHere()) {
    std::vector<float> whole(static_cast<std::size_t>(m * n));
    GemmArguments g;
    g.m = m;
    g.n = n;
    g.k = k;
    g.a = a.data();
    g.b = b.data();
    g.c = whole.data();
    kernelsOf(isa).gemm(g);
    std::vector<float> rows(static_cast<std::size_t>(m * n));
    g.m = 1;
    for (std::ptrdiff_t i = 0; i < m; ++i) {
      g.a = a.data() + i * k;
      g.c = rows.data() + i * n;
      kernelsOf(isa).gemm(g);
    }
    CHECK(whole == rows);
  }
}

TEST("instruction sets that fuse agree to the last bit") {
  const std::vector<Isa> here = isasHere();
  if (here.size() < 3) SKIP("this CPU has no AVX-512");
  const std::vector<float> a = numbers(50 * 600, 7);
  const std::vector<float> b = numbers(600 * 70, 8);
  std::vector<float> results[2] = {std::vector<float>(50 * 70), std::vector<float>(50 * 70)};
  for (int i = 0; i < 2; ++i) {
    GemmArguments g;
    g.m = 50;
    g.n = 70;
    g.k = 600;
    g.a = a.data();
    g.b = b.data();
    g.c = results[i].data();
    kernelsOf(i == 0 ? Isa::avx2 : Isa::avx512).gemm(g);
  }
  CHECK(results[0] == results[1]);
}

TEST("an instruction set is chosen by name") {
  CHECK_EQUAL(chooseIsa("auto"), isasHere().back());
  CHECK_EQUAL(chooseIsa("baseline"), Isa::baseline);
  CHECK_THROWS(chooseIsa("sse"), std::invalid_argument, "baseline");
}
