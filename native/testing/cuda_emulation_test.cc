// What the emulation promises to notice: small kernels with one fault each.
#include "cuda/device.h"
#include "testing/check.h"
#include "testing/device_data.h"

using namespace canopy;
using namespace canopy::cuda;
using emulation::KernelError;
using emulation::settings;
using testing::download;
using testing::unfilled;
using testing::upload;

namespace {

__global__ void divergentKernel() {
  if (threadIdx.x < 40) __syncthreads();
}

__global__ void twoBarriersKernel() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void divergentWarpKernel(float* out) {
  const float value = threadIdx.x % 2 == 0 ? __shfl_xor_sync(fullWarp, 1.0F, 1) : 2.0F;
  out[threadIdx.x] = value;
}

// Unused under a sanitizer, which would report it first; the other one below too.
[[maybe_unused]] __global__ void behindSharedKernel() {
  DYNAMIC_SHARED(float, shared);
  shared[blockDim.x] = 1.0F;
}

__global__ void misalignedKernel() {
  DYNAMIC_SHARED(bf16, shared);
  std::uint32_t fragment[4];
  ldmatrix4(fragment, shared + 4);
}

__global__ void copyOutsideKernel(const bf16* source) {
  DYNAMIC_SHARED(bf16, shared);
  cpAsync16(shared + 8 * blockDim.x, source, true);
}

[[maybe_unused]] __global__ void behindGlobalKernel(float* out) { out[threadIdx.x + 1] = 1.0F; }

/// Each thread reads what its neighbour wrote; the first block's threads start from NaN.
__global__ void neighbourKernel(float* out) {
  DYNAMIC_SHARED(float, shared);
  shared[threadIdx.x] = static_cast<float>(threadIdx.x);
  __syncthreads();
  out[threadIdx.x] = shared[(threadIdx.x + 1) % blockDim.x];
}

/// Copies 16 bytes per thread; `waits` says whether it waits for them.
__global__ void copyKernel(const bf16* source, bf16* out, bool waits) {
  DYNAMIC_SHARED(bf16, shared);
  const unsigned at = threadIdx.x * 8;
  cpAsync16(shared + at, source + at, threadIdx.x != 3);
  cpAsyncCommit();
  if (waits) cpAsyncWait<0>();
  __syncthreads();
  for (unsigned i = 0; i < 8; ++i) out[at + i] = shared[at + i];
}

__global__ void addOneKernel(int* value) {
  if (threadIdx.x == 0) ++*value;
}

/// Column g of b has the value g + 1 in row `row` alone, and a is the identity: d = b.
__global__ void identityKernel(float* out) {
  const int g = static_cast<int>(threadIdx.x) / 4;
  const int t = static_cast<int>(threadIdx.x) % 4;
  const auto at = [&](int row, int column) { return row == column ? 1.0F : 0.0F; };
  const std::uint32_t a[4] = {
      packBf16(at(g, 2 * t), at(g, 2 * t + 1)), packBf16(at(g + 8, 2 * t), at(g + 8, 2 * t + 1)),
      packBf16(at(g, 2 * t + 8), at(g, 2 * t + 9)), packBf16(at(g + 8, 2 * t + 8), at(g + 8, 2 * t + 9))};
  const auto b = [&](int row) { return static_cast<float>(16 * g + row); };
  float d[4] = {0.5F, 0.5F, 0.5F, 0.5F};
  mma16816(d, a, packBf16(b(2 * t), b(2 * t + 1)), packBf16(b(2 * t + 8), b(2 * t + 9)));
  for (int i = 0; i < 4; ++i) out[(g + i / 2 * 8) * 8 + 2 * t + i % 2] = d[i];
}

/// Launches on the default stream, which works at once.
template <typename... P, typename... A>
void runNow(void (*kernel)(P...), unsigned threads, std::size_t shared, A... arguments) {
  launch("a test's kernel", kernel, 1, threads, shared, nullptr, arguments...);
}

}  // namespace

TEST("barriers that not all threads reach") {
  CHECK_THROWS(runNow(divergentKernel, 64, 0), KernelError, "thread 40 has left the kernel");
  CHECK_THROWS(runNow(twoBarriersKernel, 64, 0), KernelError, "thread 32 waits at");
  auto out = unfilled<float>(32, nullptr);
  CHECK_THROWS(runNow(divergentWarpKernel, 32, 0, out.get()), KernelError, "divergent barrier");
}

TEST("shared memory: bounds, alignment, and NaN at the start of a block") {
#if !CANOPY_EMULATION_ASAN
  CHECK_THROWS(runNow(behindSharedKernel, 32, 32 * sizeof(float)), KernelError, "behind the end of its shared memory");
#endif
  CHECK_THROWS(runNow(misalignedKernel, 32, 4096), KernelError, "no multiple of 16");
  const auto source = upload(testing::randomBf16(8, 1, 1.0F), nullptr);
  CHECK_THROWS(runNow(copyOutsideKernel, 32, 32 * 16, source.get()), KernelError, "outside shared memory");
}

#if !CANOPY_EMULATION_ASAN
TEST("a write behind an allocation is found when that is given back") {
  {
    auto out = unfilled<float>(32, nullptr);
    runNow(behindGlobalKernel, 32, 0, out.get());
  }
  CHECK_EQUAL(emulation::runtime().violation, "a kernel wrote outside an allocation of 128 bytes");
  emulation::runtime().violation.clear();
}
#endif

TEST("a barrier can be removed, and then the order of threads shows") {
  const auto last = [] {
    auto out = unfilled<float>(64, nullptr);
    runNow(neighbourKernel, 64, 64 * sizeof(float), out.get());
    return download(out, nullptr)[0];
  };
  settings().seen.clear();
  CHECK_EQUAL(last(), 1.0F);
  CHECK_EQUAL(settings().seen.size(), std::size_t{1});
  settings().skipped = *settings().seen.begin();
  CHECK(std::isnan(last()));
  settings().order = emulation::Order::reverse;
  CHECK_EQUAL(last(), 1.0F);  // this order does not need the barrier: one order is not enough
  settings() = {};
}

TEST("copies are not there before the wait; what is not valid is zero") {
  const auto source = testing::randomBf16(32 * 8, 2, 1.0F);
  const auto sourceOn = upload(source, nullptr);
  auto out = unfilled<bf16>(32 * 8, nullptr);
  runNow(copyKernel, 32, 32 * 16, sourceOn.get(), out.get(), true);
  auto got = download(out, nullptr);
  for (std::size_t i = 0; i < got.size(); ++i) CHECK_EQUAL(got[i].bits, i / 8 == 3 ? 0 : source[i].bits);
  runNow(copyKernel, 32, 32 * 16, sourceOn.get(), out.get(), false);
  got = download(out, nullptr);
  for (const bf16 value : got) CHECK_EQUAL(value.bits, 0xffff);
}

TEST("mma's fragments: the identity times b, plus what was there") {
  auto out = unfilled<float>(16 * 8, nullptr);
  runNow(identityKernel, 32, 0, out.get());
  const auto got = download(out, nullptr);
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      CHECK_EQUAL(got[static_cast<std::size_t>(row * 8 + column)], static_cast<float>(16 * column + row) + 0.5F);
    }
  }
}

TEST("work on a stream is done when it is waited for; a graph repeats it") {
  const Stream stream = makeStream();
  DeviceArray<int> counter(1, "a counter");
  int value = 5;
  check(cudaMemcpyAsync(counter.get(), &value, sizeof value, cudaMemcpyHostToDevice, stream.get()), "copy");
  value = 7;  // too early: the copy takes this one
  launch("addOne", addOneKernel, 1, 32, 0, stream.get(), counter.get());
  CHECK(*counter.get() < 0);  // still as it was made
  check(cudaStreamSynchronize(stream.get()), "wait");
  CHECK_EQUAL(*counter.get(), 8);

  check(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal), "begin");
  launch("addOne", addOneKernel, 1, 32, 0, stream.get(), counter.get());
  CHECK_EQUAL(static_cast<int>(cudaStreamSynchronize(stream.get())),
              static_cast<int>(cudaErrorStreamCaptureUnsupported));
  cudaGraph_t captured{};
  check(cudaStreamEndCapture(stream.get(), &captured), "end");
  const Graph graph(captured);
  cudaGraphExec_t instance{};
  check(cudaGraphInstantiate(&instance, graph.get(), 0), "instantiate");
  const GraphExec exec(instance);
  CHECK_EQUAL(*counter.get(), 8);
  for (int i = 0; i < 3; ++i) check(cudaGraphLaunch(exec.get(), stream.get()), "launch");
  check(cudaStreamSynchronize(stream.get()), "wait");
  CHECK_EQUAL(*counter.get(), 11);
}

TEST("launches that a device refuses") {
  CHECK_THROWS(launch("tooMany", addOneKernel, 1, 2048, 0, nullptr, nullptr), CudaError,
               "kernel launch (tooMany): cudaErrorInvalidConfiguration (9)");
  CHECK_THROWS(launch("tooMuch", addOneKernel, 1, 32, 200 * 1024, nullptr, nullptr), CudaError,
               "cudaFuncSetAttribute (tooMuch): cudaErrorInvalidValue (1)");
}
