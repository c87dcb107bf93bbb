// Yardstick for bench:dense: Eigen's product of the same shapes. Arguments: m n k for each shape; prints the best
// seconds of one product, a line for each.
#include <Eigen/Dense>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>

static double processorSeconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

int main(int count, char** arguments) {
  using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Clock = std::chrono::steady_clock;
  for (int at = 1; at + 2 < count; at += 3) {
    const long m = std::atol(arguments[at]);
    const long n = std::atol(arguments[at + 1]);
    const long k = std::atol(arguments[at + 2]);
    const Matrix a = Matrix::Random(m, k);
    const Matrix b = Matrix::Random(k, n);
    Matrix c(m, n);
    // Processor time, as in dense.ts, over samples of about 2 ms.
    double best = 1e9;
    const int calls = static_cast<int>(4e8 / (2.0 * static_cast<double>(m * n * k))) + 1;
    const auto until = Clock::now() + std::chrono::milliseconds(300);
    while (Clock::now() < until) {
      const double start = processorSeconds();
      for (int call = 0; call < calls; ++call) c.noalias() = a * b;
      best = std::min(best, (processorSeconds() - start) / calls);
    }
    // The product is used, so that no compiler drops it.
    if (c(0, 0) > 1e30F) return 1;
    std::printf("%.9g\n", best);
  }
  return 0;
}
