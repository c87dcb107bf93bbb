// Yardstick for bench:dense: Eigen's product of the same shapes. Arguments: m n k for each shape; prints the best
// seconds of one product per line.
#include <Eigen/Dense>
#include <chrono>
#include <cstdio>
#include <cstdlib>

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
    double best = 1e9;
    const auto until = Clock::now() + std::chrono::milliseconds(300);
    while (Clock::now() < until) {
      const auto start = Clock::now();
      c.noalias() = a * b;
      const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
      if (seconds < best) best = seconds;
    }
    // The product is used, so that no compiler drops it.
    if (c(0, 0) > 1e30F) return 1;
    std::printf("%.9g\n", best);
  }
  return 0;
}
