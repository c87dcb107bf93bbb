// The backend on a CUDA device. What it computes stands in engine/model_shape.h, kernels in kernels.h.
//
// A step: the plan goes to pinned memory and over in one copy, the forward is some ten launches a layer on one stream,
// the next tokens come back. A step of decodes alone is filled up to a bucket (step_layout.h). With graphs, the first
// step of a bucket runs as it is, then its launches are captured (by now all kernels are loaded, and no measured time
// holds the capture), and later steps replay them: the arguments depend on the bucket only, everything else is in
// memory. With and without graphs the same launches run, so the bits are the same.
//
// Activations are bf16 but for the residual stream, the sums of products and the logits, which are fp32. Every array is
// allocated once, in the constructor.
#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "cuda/device_state.h"
#include "cuda/kernels.h"
#include "cuda/products.h"
#include "cuda/step_layout.h"
#include "engine/backend.h"
#include "engine/synthetic_weights.h"

namespace canopy {

namespace cuda {
namespace {

std::size_t size(std::int64_t count) { return static_cast<std::size_t>(count); }

/// What this backend cannot serve, in words; empty where it can.
std::string unservable(const ModelShape& shape, const BackendLimits& limits) {
  if (const std::string problem = problemOf(shape); !problem.empty()) return problem;
  if (shape.weights != WeightType::bf16) {
    return "the CUDA backend serves bf16 weights only; fp32 is the CPU backend's";
  }
  if (shape.headDim != 64 && shape.headDim != 128) {
    return "headDim is " + std::to_string(shape.headDim) + ": the CUDA backend has kernels for 64 and 128";
  }
  if (shape.heads / shape.kvHeads > 8) {
    return std::to_string(shape.heads / shape.kvHeads) +
           " query heads per key/value head: the CUDA backend serves 1 to 8";
  }
  if (shape.hidden % 8 != 0 || shape.ffn % 8 != 0)
    return "hidden and ffn have to be multiples of 8 for the CUDA backend";
  if (limits.blockTokens < 1 || (limits.blockTokens & (limits.blockTokens - 1)) != 0) {
    return "blockTokens is " + std::to_string(limits.blockTokens) + ": the CUDA backend wants a power of two";
  }
  if (limits.blocks < 1 || limits.maxTokens < 1 || limits.maxSequences < 1) {
    return "blocks, maxTokens and maxSequences have to be at least 1";
  }
  // Sequences are a grid's y and z.
  if (limits.maxSequences > 65535) return "maxSequences is at most 65535 for the CUDA backend";
  return "";
}

/// The device, made current for this thread. Throws std::runtime_error where there is no such device.
CudaDevice chooseDevice(int index) {
  const CudaState state = cudaState();
  if (!state.reason.empty()) throw std::runtime_error("no CUDA device: " + state.reason);
  if (index < 0 || size(index) >= state.devices.size()) {
    throw std::runtime_error("no CUDA device " + std::to_string(index) + ": this host has 0 to " +
                             std::to_string(state.devices.size() - 1));
  }
  CudaDevice device = state.devices[size(index)];
  if (device.computeMajor < 8) {
    throw std::runtime_error("CUDA device " + std::to_string(index) + " (" + device.name + ") has compute capability " +
                             std::to_string(device.computeMajor) + "." + std::to_string(device.computeMinor) +
                             ": the kernels need 8.0 or newer (bf16 tensor cores)");
  }
  check(cudaSetDevice(index), "cudaSetDevice");
  return device;
}

struct Layer {
  DeviceArray<bf16> qkv, output, gateUp, down;
  DeviceArray<float> attentionNorm, ffnNorm;
};

struct Weights {
  DeviceArray<bf16> embedding, lmHead;
  DeviceArray<float> finalNorm;
  std::vector<Layer> layers;
};

/// Ends a capture that an error left open, so that the stream can be used again.
class Capture {
 public:
  explicit Capture(cudaStream_t stream) : stream_(stream) {
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() {
    if (!open_) return;
    cudaGraph_t graph{};
    forget(cudaStreamEndCapture(stream_, &graph));
    if (graph != nullptr) forget(cudaGraphDestroy(graph));
  }
  Graph end() {
    open_ = false;
    cudaGraph_t graph{};
    check(cudaStreamEndCapture(stream_, &graph), "cudaStreamEndCapture");
    return Graph(graph);
  }

 private:
  cudaStream_t stream_;
  bool open_ = true;
};

class CudaBackend final : public Backend {
 public:
  CudaBackend(const ModelShape& shape, const BackendLimits& limits, const CudaOptions& options)
      : shape_(shape),
        limits_{limits, shape.vocab, shape.maxTokens, queriesPerTile(shape.heads, shape.kvHeads)},
        options_(options),
        device_(chooseDevice(options.device)),
        products_(device_.multiprocessors) {
    requireMemory();
    allocate();
    fill();
  }

  /// Destroyed on any thread, whose current device may be another; and a step that threw may still have copies under
  /// way from the pinned memory that goes now.
  ~CudaBackend() override {
    forget(cudaSetDevice(options_.device));
    forget(cudaStreamSynchronize(stream_.get()));
  }

  void run(const StepPlan& plan, std::span<std::int32_t> nextTokens) override {
    // Steps may come from another thread than the constructor's.
    check(cudaSetDevice(options_.device), "cudaSetDevice");
    if (nextTokens.size() < size(plan.sequenceCount())) {
      throw std::invalid_argument("nextTokens has fewer places than the plan has sequences");
    }
    // A step that threw may have left work that reads the plan, and the plan is written now.
    if (underWay_) check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize", "the step before");
    underWay_ = true;
    const StepLayout layout = packStep(plan, limits_, stagedPlan_.get(), logitRows_);
    const cudaStream_t stream = stream_.get();
    check(cudaEventRecord(started_.get(), stream), "cudaEventRecord");
    check(cudaMemcpyAsync(plan_.get(), stagedPlan_.get(), layout.total * sizeof(std::int32_t), cudaMemcpyHostToDevice,
                          stream),
          "cudaMemcpyAsync", "plan");
    const bool replayable = options_.graphs && layout.decodeOnly;
    const auto graph = replayable ? graphs_.find(layout.sequences) : graphs_.end();
    if (graph != graphs_.end()) {
      check(cudaGraphLaunch(graph->second.get(), stream), "cudaGraphLaunch");
    } else {
      forward(layout);
    }
    if (layout.rows > 0) {
      check(cudaMemcpyAsync(stagedNext_.get(), next_.get(), size(layout.rows) * sizeof(std::int32_t),
                            cudaMemcpyDeviceToHost, stream),
            "cudaMemcpyAsync", "next tokens");
    }
    check(cudaEventRecord(ended_.get(), stream), "cudaEventRecord");
    check(cudaEventSynchronize(ended_.get()), "cudaEventSynchronize", "step");
    underWay_ = false;
    float milliseconds = 0.0F;
    check(cudaEventElapsedTime(&milliseconds, started_.get(), ended_.get()), "cudaEventElapsedTime");
    lastMilliseconds_ = milliseconds;
    for (std::size_t s = 0; s < logitRows_.size(); ++s) {
      if (plan.sampled[s] != 0) nextTokens[s] = stagedNext_[size(logitRows_[s])];
    }
    if (replayable && graph == graphs_.end()) capture(layout);
  }

  void copyLogits(std::span<float> logits) override {
    check(cudaSetDevice(options_.device), "cudaSetDevice");
    const std::size_t row = size(shape_.vocab);
    if (logits.size() < logitRows_.size() * row) throw std::invalid_argument("logits has fewer places than [S, vocab]");
    for (std::size_t s = 0; s < logitRows_.size(); ++s) {
      if (logitRows_[s] < 0) continue;
      check(cudaMemcpyAsync(logits.data() + s * row, logits_.get() + size(logitRows_[s]) * row, row * sizeof(float),
                            cudaMemcpyDeviceToHost, stream_.get()),
            "cudaMemcpyAsync", "logits");
    }
    check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize", "logits");
  }

  double lastDeviceMilliseconds() const override { return lastMilliseconds_; }

  std::map<std::string, std::string> describe() const override {
    return {
        {"backend", "cuda"},
        {"device", device_.name},
        {"deviceIndex", std::to_string(device_.index)},
        {"uuid", device_.uuid},
        {"pciBus", device_.pciBus},
        {"computeCapability", std::to_string(device_.computeMajor) + "." + std::to_string(device_.computeMinor)},
        {"multiprocessors", std::to_string(device_.multiprocessors)},
        {"gemm", products_.describe()},
        {"graphs", options_.graphs ? "decode steps" : "off"},
        {"activations", "bf16, residual stream fp32"},
    };
  }

 private:
  std::int64_t cacheValues() const {  // keys, or values, of one layer
    return std::int64_t{limits_.backend.blocks} * limits_.backend.blockTokens * shape_.kvHeads * shape_.headDim;
  }

  /// An own message before anything is allocated: cudaMalloc's would name one array of many.
  void requireMemory() const {
    const std::size_t weights = size(shape_.weightBytes());
    const std::size_t cache = size(2 * shape_.layers * cacheValues()) * sizeof(bf16);
    std::size_t free = 0;
    std::size_t total = 0;
    check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    if (weights + cache > free) {
      throw std::runtime_error(
          "CUDA device " + std::to_string(device_.index) + " (" + device_.name + ") has " + gibibytes(free) +
          " free, " + shape_.name + " needs " + gibibytes(weights) + " for weights and " + gibibytes(cache) + " for " +
          std::to_string(limits_.backend.blocks) + " blocks of key/value cache: take fewer blocks or fewer layers");
    }
  }

  void allocate() {
    stream_ = makeStream();
    started_ = makeEvent();
    ended_ = makeEvent();
    const std::int64_t hidden = shape_.hidden;
    const std::int64_t attention = std::int64_t{shape_.heads} * shape_.headDim;
    weights_.embedding = {size(hidden * shape_.vocab), "embedding"};
    weights_.lmHead = {size(hidden * shape_.vocab), "lm_head"};
    weights_.finalNorm = {size(hidden), "norm"};
    for (int l = 0; l < shape_.layers; ++l) {
      Layer layer;
      layer.qkv = {size(hidden * shape_.qkvRows()), "qkv weights"};
      layer.output = {size(hidden * attention), "output weights"};
      layer.gateUp = {size(2 * hidden * shape_.ffn), "gate and up weights"};
      layer.down = {size(hidden * shape_.ffn), "down weights"};
      layer.attentionNorm = {size(hidden), "norm"};
      layer.ffnNorm = {size(hidden), "norm"};
      weights_.layers.push_back(std::move(layer));
    }
    cache_ = {size(2 * shape_.layers * cacheValues()), "key/value cache"};
    const std::int64_t tokens = limits_.backend.maxTokens;
    const std::int64_t sequences = limits_.backend.maxSequences;
    const std::int64_t rows = std::max(tokens, sequences);  // a bucket may be more than a step of few tokens
    residual_ = {size(rows * hidden), "activations"};
    normed_ = {size(rows * hidden), "activations"};
    qkv_ = {size(rows * shape_.qkvRows()), "activations"};
    attention_ = {size(rows * attention), "activations"};
    projected_ = {size(rows * hidden), "activations"};
    gateUp_ = {size(rows * 2 * shape_.ffn), "activations"};
    gated_ = {size(rows * shape_.ffn), "activations"};
    logits_ = {size(sequences * shape_.vocab), "logits"};
    next_ = {size(sequences), "next tokens"};
    stagedNext_ = {size(sequences), "next tokens"};
    std::size_t partials = 0;
    for (int count = 1; count <= limits_.backend.maxSequences; ++count) {
      partials = std::max(partials, decodeWorkspace(count, shape_.heads, shape_.headDim, splitsOf(count)));
    }
    partials_ = {partials, "partial attention"};
    turns_ = {size(std::int64_t{shape_.maxTokens} * shape_.headDim), "RoPE"};
    plan_ = {largestStep(limits_), "plan"};
    stagedPlan_ = {largestStep(limits_), "plan"};
  }

  void fill() {
    const auto matrix = [&](const DeviceArray<bf16>& to, int layer, Matrix which) {
      fillWeights(to.get(), to.size(), static_cast<std::uint32_t>(layer), which, weightScale(shape_, which),
                  stream_.get());
    };
    const auto gains = [&](const DeviceArray<float>& to, int layer, Matrix which) {
      std::vector<float> values;
      for (std::uint64_t i = 0; i < to.size(); ++i) {
        values.push_back(syntheticGain(static_cast<std::uint32_t>(layer), which, i));
      }
      upload(to, values);
    };
    matrix(weights_.embedding, 0, Matrix::embedding);
    matrix(weights_.lmHead, 0, Matrix::lmHead);
    gains(weights_.finalNorm, 0, Matrix::finalNorm);
    for (int l = 0; l < shape_.layers; ++l) {
      const Layer& layer = weights_.layers[size(l)];
      matrix(layer.qkv, l, Matrix::qkv);
      matrix(layer.output, l, Matrix::output);
      matrix(layer.gateUp, l, Matrix::gateUp);
      matrix(layer.down, l, Matrix::down);
      gains(layer.attentionNorm, l, Matrix::attentionNorm);
      gains(layer.ffnNorm, l, Matrix::ffnNorm);
    }
    // Plausible keys and values everywhere: variance 1, as projections of a normed stream have.
    fillWeights(cache_.get(), cache_.size(), static_cast<std::uint32_t>(shape_.layers), Matrix::qkv, std::sqrt(3.0F),
                stream_.get());
    // Angles in double: at position 8,000 a float's are wrong in the fourth digit.
    const int half = shape_.headDim / 2;
    std::vector<float> turns(turns_.size());
    for (int i = 0; i < half; ++i) {
      const double frequency = std::pow(static_cast<double>(shape_.ropeTheta), -2.0 * i / shape_.headDim);
      for (int p = 0; p < shape_.maxTokens; ++p) {
        float* row = turns.data() + size(p) * size(shape_.headDim);
        row[i] = static_cast<float>(std::cos(p * frequency));
        row[half + i] = static_cast<float>(std::sin(p * frequency));
      }
    }
    upload(turns_, turns);
    check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize", "weights");
  }

  /// Returns when `values` may go.
  void upload(const DeviceArray<float>& to, const std::vector<float>& values) {
    check(
        cudaMemcpyAsync(to.get(), values.data(), values.size() * sizeof(float), cudaMemcpyHostToDevice, stream_.get()),
        "cudaMemcpyAsync");
    check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize");
  }

  int splitsOf(int decodes) const { return planSplits(decodes, shape_.kvHeads, device_.multiprocessors); }

  void capture(const StepLayout& layout) {
    Capture capturing(stream_.get());
    forward(layout);
    const Graph graph = capturing.end();
    cudaGraphExec_t exec{};
    check(cudaGraphInstantiate(&exec, graph.get(), 0), "cudaGraphInstantiate");
    GraphExec owned(exec);
    // Else the first replay, which is measured, would carry the graph over.
    check(cudaGraphUpload(exec, stream_.get()), "cudaGraphUpload");
    check(cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize", "graph");
    graphs_.emplace(layout.sequences, std::move(owned));
  }

  /// Puts the whole forward on the stream. Hangs on nothing but `layout`.
  void forward(const StepLayout& layout) {
    const cudaStream_t stream = stream_.get();
    const std::int32_t* plan = plan_.get();
    const int tokens = layout.tokens;
    const int hidden = shape_.hidden;
    const int attention = shape_.heads * shape_.headDim;
    const float epsilon = shape_.normEpsilon;
    const auto product = [&](const DeviceArray<bf16>& x, const DeviceArray<bf16>& w, const DeviceArray<bf16>& y, int n,
                             int k) {
      products_.run({x.get(), w.get(), y.get(), false, tokens, n, k}, stream);
    };

    embed(plan + layout.tokenIds, weights_.embedding.get(), residual_.get(), tokens, hidden, stream);
    const bf16* delta = nullptr;
    int blockShift = 0;
    while (1 << blockShift < limits_.backend.blockTokens) ++blockShift;
    for (int l = 0; l < shape_.layers; ++l) {
      const Layer& layer = weights_.layers[size(l)];
      bf16* keys = cache_.get() + size(2 * l * cacheValues());
      const PagedCache cache{keys, keys + cacheValues(), shape_.kvHeads, blockShift};
      addAndNormalize(residual_.get(), delta, layer.attentionNorm.get(), nullptr, normed_.get(), tokens, hidden,
                      epsilon, stream);
      product(normed_, layer.qkv, qkv_, shape_.qkvRows(), hidden);
      ropeAndCache(qkv_.get(), turns_.get(), plan + layout.positions, plan + layout.slots, cache, tokens, shape_.heads,
                   shape_.headDim, stream);
      const AttentionInput input{qkv_.get(),
                                 shape_.qkvRows(),
                                 cache,
                                 plan + layout.blockTables,
                                 limits_.tableStride(),
                                 plan + layout.queryStarts,
                                 plan + layout.contextTokens,
                                 attention_.get(),
                                 shape_.heads,
                                 shape_.headDim};
      if (layout.decodes > 0) {
        decodeAttention(input, plan + layout.decodeSequences, layout.decodes, splitsOf(layout.decodes), partials_.get(),
                        stream);
      }
      if (layout.tiles > 0) {
        prefillAttention(input, reinterpret_cast<const QueryTile*>(plan + layout.queryTiles), layout.tiles, stream);
      }
      product(attention_, layer.output, projected_, hidden, attention);
      addAndNormalize(residual_.get(), projected_.get(), layer.ffnNorm.get(), nullptr, normed_.get(), tokens, hidden,
                      epsilon, stream);
      product(normed_, layer.gateUp, gateUp_, 2 * shape_.ffn, hidden);
      siluMultiply(gateUp_.get(), gated_.get(), tokens, shape_.ffn, stream);
      product(gated_, layer.down, projected_, hidden, shape_.ffn);
      delta = projected_.get();
    }
    if (layout.rows == 0) return;
    addAndNormalize(residual_.get(), delta, weights_.finalNorm.get(), plan + layout.logitTokens, normed_.get(),
                    layout.rows, hidden, epsilon, stream);
    products_.run({normed_.get(), weights_.lmHead.get(), logits_.get(), true, layout.rows, shape_.vocab, hidden},
                  stream);
    argmaxRows(logits_.get(), next_.get(), layout.rows, shape_.vocab, stream);
  }

  ModelShape shape_;
  PlanLimits limits_;
  CudaOptions options_;
  CudaDevice device_;
  Products products_;
  Stream stream_;
  Event started_, ended_;
  Weights weights_;
  DeviceArray<bf16> cache_;  ///< [layer][keys, values]
  DeviceArray<float> residual_, logits_, partials_, turns_;
  DeviceArray<bf16> normed_, qkv_, attention_, projected_, gateUp_, gated_;
  DeviceArray<std::int32_t> plan_, next_;
  PinnedArray<std::int32_t> stagedPlan_, stagedNext_;
  std::map<int, GraphExec> graphs_;  ///< by bucket
  std::vector<int> logitRows_;       ///< of the last step
  double lastMilliseconds_ = -1.0;
  bool underWay_ = false;  ///< a step began, and its end was not waited for
};

}  // namespace
}  // namespace cuda

std::unique_ptr<Backend> makeCudaBackend(const ModelShape& shape, const BackendLimits& limits,
                                         const CudaOptions& options) {
  if (const std::string problem = cuda::unservable(shape, limits); !problem.empty())
    throw std::invalid_argument(problem);
  return std::make_unique<cuda::CudaBackend>(shape, limits, options);
}

}  // namespace canopy
