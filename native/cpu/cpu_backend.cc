// The backend that runs everywhere: one forward per step over prefill chunks and decodes alike, in parts that all
// threads share. Activations are fp32; weights and cache have the type of the shape.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

#include "common/available_memory.h"
#include "common/host_cpu.h"
#include "cpu/cpu_weights.h"
#include "cpu/kernels.h"
#include "cpu/page_buffer.h"
#include "cpu/thread_pool.h"
#include "dense/isa.h"
#include "dense/kernels.h"
#include "engine/backend.h"

namespace canopy {

namespace cpu {

namespace {

/// Query heads times tokens that one task of attention takes at least.
constexpr int kAttentionRows = 32;
/// Tokens of one task of a product at most: their input should stay in a second level cache.
constexpr int kProductTokens = 64;
/// Tasks per thread that a part of a step is cut into at least, where it can be: the last ones end apart.
constexpr int kTasksPerThread = 6;

std::string problemOf(const BackendLimits& limits, const ModelShape& shape) {
  const std::string problem = canopy::problemOf(shape);
  if (!problem.empty()) return problem;
  if (limits.blocks < 1 || limits.blockTokens < 1 || limits.maxTokens < 1 || limits.maxSequences < 1) {
    return "blocks, blockTokens, maxTokens and maxSequences have to be at least 1";
  }
  return "";
}

std::size_t cacheBytesOf(const ModelShape& shape, const BackendLimits& limits) {
  return static_cast<std::size_t>(shape.layers) * static_cast<std::size_t>(limits.blocks) *
         cacheLayoutOf(shape, limits.blockTokens).blockBytes;
}

/// Floats of the buffers that a step works in.
std::size_t workFloatsOf(const ModelShape& shape, const BackendLimits& limits) {
  const auto tokens = static_cast<std::size_t>(limits.maxTokens);
  return tokens * static_cast<std::size_t>(2 * (shape.hidden + 1) + shape.qkvRows() + shape.heads * shape.headDim + 1 +
                                           shape.ffn + 1);
}

void checkMemory(const ModelShape& shape, const BackendLimits& limits, const Kernels& kernels) {
  const std::size_t weights = CpuWeights::bytesOf(shape, kernels);
  const std::size_t cache = cacheBytesOf(shape, limits);
  const std::size_t work = workFloatsOf(shape, limits) * sizeof(float);
  const std::size_t available = availableMemoryBytes();
  if (weights + cache + work <= available) return;
  const auto inMb = [](std::size_t bytes) { return std::to_string(bytes / 1'000'000); };
  throw std::runtime_error("the model needs " + inMb(weights) + " MB for weights, " + inMb(cache) + " MB for " +
                           std::to_string(limits.blocks) + " KV blocks and " + inMb(work) + " MB to work in, of " +
                           inMb(available) + " MB that are free");
}

/// Tokens cut into tiles of nearly equal size.
struct Tiles {
  std::vector<std::int32_t> starts;
  std::vector<std::int32_t> tileOf;  ///< [tokens]

  int count() const { return static_cast<int>(starts.size()) - 1; }

  void cut(int tokens, int tileTokens) {
    const int tiles = (tokens + tileTokens - 1) / tileTokens;
    starts.clear();
    tileOf.clear();
    for (int tile = 0; tile <= tiles; ++tile) {
      starts.push_back(static_cast<std::int32_t>(std::int64_t{tokens} * tile / tiles));
      if (tile > 0) tileOf.resize(static_cast<std::size_t>(starts.back()), tile - 1);
    }
  }
};

class CpuBackend final : public Backend {
 public:
  CpuBackend(const ModelShape& shape, const BackendLimits& limits, dense::Isa isa, int threads)
      : shape_(shape),
        limits_(limits),
        isa_(isa),
        kernels_(cpu::kernelsOf(isa)),
        layout_(cacheLayoutOf(shape, limits.blockTokens)),
        pool_(threads),
        weights_(shape, kernels_, pool_),
        cache_(cacheBytesOf(shape, limits)),
        work_(workFloatsOf(shape, limits) * sizeof(float)) {
    const auto tokens = static_cast<std::size_t>(limits.maxTokens);
    const auto hidden = static_cast<std::size_t>(shape.hidden);
    float* place = work_.as<float>();
    const auto take = [&](std::size_t floats) {
      float* taken = place;
      place += tokens * floats;
      return taken;
    };
    stream_ = take(hidden);
    normed_ = take(roundUp(hidden, 2));
    qkv_ = take(static_cast<std::size_t>(shape.qkvRows()));
    attentionDepth_ = roundUp(static_cast<std::size_t>(shape.heads) * static_cast<std::size_t>(shape.headDim), 2);
    attended_ = take(attentionDepth_);
    gatedDepth_ = roundUp(static_cast<std::size_t>(shape.ffn), 2);
    gated_ = take(gatedDepth_);
    const auto longest =
        static_cast<int>(std::min<std::int64_t>(shape.maxTokens, std::int64_t{limits.blocks} * limits.blockTokens));
    const auto count = static_cast<std::size_t>(pool_.threads());
    scratch_.resize(count);
    for (Scratch& scratch : scratch_) {
      scratch.queries.resize(kMostTileTokens * layout_.valueStride);
      scratch.scores.resize(scoresFloats(longest));
      scratch.largest.resize(static_cast<std::size_t>(limits.maxSequences));
    }
    fillRotations();
    fillCache();
  }

  void run(const StepPlan& plan, std::span<std::int32_t> nextTokens) override {
    const dense::FlushDenormals flush;
    cancelled_ = false;
    const int tokens = plan.tokenCount();
    if (tokens < 1 || tokens > limits_.maxTokens || plan.sequenceCount() > limits_.maxSequences) {
      throw std::invalid_argument("a step of " + std::to_string(tokens) + " tokens and " +
                                  std::to_string(plan.sequenceCount()) + " sequences exceeds the backend's limits");
    }
    tiles_.cut(tokens, kernels_.tileTokens);
    listAttention(plan);
    embed(plan);
    for (int layer = 0; layer < shape_.layers; ++layer) runLayer(layer, plan);
    gatherSampled(plan);
    if (sampled_.empty()) return;
    normTiles(sampledTiles_, weights_.finalNorm(),
              [&](int i) { return rowOf(sampled_[static_cast<std::size_t>(i)].token); });
    choose(nextTokens);
  }

  void cancel() override { cancelled_ = true; }

  void copyLogits(std::span<float> logits) override {
    const dense::FlushDenormals flush;
    const auto vocab = static_cast<std::size_t>(shape_.vocab);
    std::vector<float> rows(sampled_.size() * vocab);
    Product product = productOf(weights_.lmHead(), normed_, sampledTiles_, Finish::store);
    product.output = rows.data();
    product.outputStride = vocab;
    if (!sampled_.empty()) multiply(product, sampledTiles_);
    for (std::size_t i = 0; i < sampled_.size(); ++i) {
      std::copy_n(rows.data() + i * vocab, vocab,
                  logits.data() + static_cast<std::size_t>(sampled_[i].sequence) * vocab);
    }
  }

  std::map<std::string, std::string> describe() const override {
    return {{"backend", "cpu"},
            {"isa", dense::nameOf(isa_)},
            {"threads", std::to_string(pool_.threads())},
            {"gemm", "own, " + std::to_string(kernels_.tileTokens) + " x " + std::to_string(kernels_.panelRows()) +
                         " tiles in registers"},
            {"activations", "fp32"}};
  }

 private:
  struct Scratch {
    std::vector<float> queries;
    std::vector<float> scores;
    std::vector<Largest> largest;
  };

  struct Sampled {
    int sequence;
    int token;  ///< of the step: the sequence's last
  };

  /// A part of a sequence's tokens, for every key/value head.
  struct AttentionPart {
    int sequence;
    int firstToken;
    int endToken;
  };

  void fillRotations() {
    const int half = shape_.headDim / 2;
    const auto entries = static_cast<std::size_t>(shape_.maxTokens) * static_cast<std::size_t>(half);
    cosines_.resize(entries);
    sines_.resize(entries);
    for (int i = 0; i < half; ++i) {
      const double frequency = std::pow(static_cast<double>(shape_.ropeTheta), -2.0 * i / shape_.headDim);
      for (int position = 0; position < shape_.maxTokens; ++position) {
        const std::size_t at =
            static_cast<std::size_t>(position) * static_cast<std::size_t>(half) + static_cast<std::size_t>(i);
        cosines_[at] = static_cast<float>(std::cos(position * frequency));
        sines_[at] = static_cast<float>(std::sin(position * frequency));
      }
    }
  }

  /// Plausible values, the same in all blocks, written by all threads.
  void fillCache() {
    const std::size_t values = layout_.blockBytes / (layout_.bf16 ? 2 : 4);
    std::vector<char> block(layout_.blockBytes);
    kernels_.fillArray(block.data(), layout_.bf16, 0, Matrix::qkv, 0, values, std::sqrt(3.0F));
    pool_.run(static_cast<int>(cache_.bytes() / layout_.blockBytes), [&](int index, int) {
      std::memcpy(cache_.as<char>() + static_cast<std::size_t>(index) * layout_.blockBytes, block.data(), block.size());
    });
  }

  char* cacheOf(int layer) const {
    return cache_.as<char>() +
           static_cast<std::size_t>(layer) * static_cast<std::size_t>(limits_.blocks) * layout_.blockBytes;
  }

  float* rowOf(int token) const {
    return stream_ + static_cast<std::size_t>(token) * static_cast<std::size_t>(shape_.hidden);
  }

  void stopIfCancelled() const {
    if (cancelled_.load(std::memory_order_relaxed)) throw StepCancelled();
  }

  void listAttention(const StepPlan& plan) {
    attention_.clear();
    const int group = shape_.heads / shape_.kvHeads;
    const int tokens = std::max(1, kAttentionRows / group);
    for (int s = 0; s < plan.sequenceCount(); ++s) {
      const int end = plan.queryStarts[static_cast<std::size_t>(s) + 1];
      for (int first = plan.queryStarts[static_cast<std::size_t>(s)]; first < end; first += tokens) {
        attention_.push_back({s, first, std::min(first + tokens, end)});
      }
    }
  }

  void embed(const StepPlan& plan) {
    pool_.run(tiles_.count(), [&](int tile, int) {
      for (int token = tiles_.starts[static_cast<std::size_t>(tile)];
           token < tiles_.starts[static_cast<std::size_t>(tile) + 1]; ++token) {
        weights_.embed(plan.tokens[static_cast<std::size_t>(token)], rowOf(token));
      }
    });
  }

  /// The norm of row(i), for the tokens i of the tiles, packed into normed_.
  template <typename Row>
  void normTiles(const Tiles& tiles, const std::vector<float>& gains, const Row& row) {
    const std::size_t depth = roundUp(static_cast<std::size_t>(shape_.hidden), 2);
    pool_.run(tiles.count(), [&](int tile, int) {
      const std::int32_t start = tiles.starts[static_cast<std::size_t>(tile)];
      const int tokens = tiles.starts[static_cast<std::size_t>(tile) + 1] - start;
      const float* rows[kMostTileTokens];
      for (int t = 0; t < tokens; ++t) rows[t] = row(start + t);
      kernels_.normTile(rows, tokens, shape_.hidden, gains.data(), shape_.normEpsilon,
                        normed_ + static_cast<std::size_t>(start) * depth);
    });
  }

  static Product productOf(const PackedMatrix& weights, const float* input, const Tiles& tiles, Finish finish) {
    Product product;
    product.weights = &weights;
    product.input = input;
    product.tileStarts = tiles.starts.data();
    product.finish = finish;
    return product;
  }

  /// Tasks of some panels and some tiles each, panels slowest: the threads read the same weights at about the same
  /// time.
  void multiply(const Product& product, const Tiles& tiles) {
    const int tokens = tiles.starts.back();
    const int tileGroups = (tokens + kProductTokens - 1) / kProductTokens;
    const int panels = product.weights->panels;
    int panelsOfTask = 4;
    while (panelsOfTask > 1 && panels * tileGroups / panelsOfTask < kTasksPerThread * pool_.threads())
      panelsOfTask /= 2;
    const int panelGroups = (panels + panelsOfTask - 1) / panelsOfTask;
    pool_.run(panelGroups * tileGroups, [&](int task, int thread) {
      const int firstPanel = task / tileGroups * panelsOfTask;
      const int part = task % tileGroups;
      Product own = product;
      if (own.finish == Finish::largest) own.largest = scratch_[static_cast<std::size_t>(thread)].largest.data();
      kernels_.multiply(own, firstPanel, std::min(firstPanel + panelsOfTask, panels), tiles.count() * part / tileGroups,
                        tiles.count() * (part + 1) / tileGroups);
    });
  }

  void runLayer(int index, const StepPlan& plan) {
    stopIfCancelled();
    const LayerWeights& layer = weights_.layer(index);
    const auto ownRow = [&](int token) { return rowOf(token); };
    const auto hidden = static_cast<std::size_t>(shape_.hidden);
    char* cache = cacheOf(index);

    normTiles(tiles_, layer.attentionNorm, ownRow);
    Product product = productOf(layer.qkv, normed_, tiles_, Finish::store);
    product.output = qkv_;
    product.outputStride = static_cast<std::size_t>(shape_.qkvRows());
    multiply(product, tiles_);
    rotateAndStore(cache, plan);
    attend(cache, plan);
    stopIfCancelled();
    product = productOf(layer.output, attended_, tiles_, Finish::add);
    product.output = stream_;
    product.outputStride = hidden;
    multiply(product, tiles_);

    normTiles(tiles_, layer.ffnNorm, ownRow);
    product = productOf(layer.gateUp, normed_, tiles_, Finish::gate);
    product.output = gated_;
    product.outputStride = gatedDepth_;
    multiply(product, tiles_);
    stopIfCancelled();
    product = productOf(layer.down, gated_, tiles_, Finish::add);
    product.output = stream_;
    product.outputStride = hidden;
    multiply(product, tiles_);
  }

  void rotateAndStore(char* cache, const StepPlan& plan) {
    const auto half = static_cast<std::size_t>(shape_.headDim / 2);
    pool_.run(tiles_.count(), [&](int tile, int) {
      const auto at = static_cast<std::size_t>(tile);
      for (auto token = static_cast<std::size_t>(tiles_.starts[at]);
           token < static_cast<std::size_t>(tiles_.starts[at + 1]); ++token) {
        const auto position = static_cast<std::size_t>(plan.positions[token]);
        RotateAndStore work;
        work.layout = &layout_;
        work.qkv = qkv_ + token * static_cast<std::size_t>(shape_.qkvRows());
        work.heads = shape_.heads;
        work.cosines = cosines_.data() + position * half;
        work.sines = sines_.data() + position * half;
        work.cache = cache;
        work.slot = plan.slots[token];
        kernels_.rotateAndStore(work);
      }
    });
  }

  void attend(const char* cache, const StepPlan& plan) {
    pool_.run(static_cast<int>(attention_.size()) * shape_.kvHeads, [&](int task, int thread) {
      const AttentionPart& part = attention_[static_cast<std::size_t>(task / shape_.kvHeads)];
      Scratch& scratch = scratch_[static_cast<std::size_t>(thread)];
      Attention work;
      work.layout = &layout_;
      work.qkv = qkv_;
      work.qkvStride = static_cast<std::size_t>(shape_.qkvRows());
      work.heads = shape_.heads;
      work.kvHead = task % shape_.kvHeads;
      work.firstToken = part.firstToken;
      work.endToken = part.endToken;
      work.positions = plan.positions.data();
      work.blockTable = plan.blockTables.data() + std::ptrdiff_t{part.sequence} * plan.blockTableStride;
      work.cache = cache;
      work.queries = scratch.queries.data();
      work.scores = scratch.scores.data();
      work.tileStarts = tiles_.starts.data();
      work.tileOf = tiles_.tileOf.data();
      work.output = attended_;
      work.outputDepth = attentionDepth_;
      kernels_.attend(work);
    });
  }

  void gatherSampled(const StepPlan& plan) {
    sampled_.clear();
    for (int s = 0; s < plan.sequenceCount(); ++s) {
      const auto at = static_cast<std::size_t>(s);
      if (plan.sampled[at] != 0) sampled_.push_back({s, plan.queryStarts[at + 1] - 1});
    }
    if (!sampled_.empty()) sampledTiles_.cut(static_cast<int>(sampled_.size()), kernels_.tileTokens);
  }

  /// The rows of the largest logits. The logits themselves are not kept.
  void choose(std::span<std::int32_t> nextTokens) {
    for (Scratch& scratch : scratch_) {
      std::fill_n(scratch.largest.begin(), sampled_.size(), Largest{-std::numeric_limits<float>::infinity(), 0});
    }
    multiply(productOf(weights_.lmHead(), normed_, sampledTiles_, Finish::largest), sampledTiles_);
    for (std::size_t i = 0; i < sampled_.size(); ++i) {
      Largest best = scratch_[0].largest[i];
      for (const Scratch& scratch : scratch_) {
        const Largest& other = scratch.largest[i];
        if (other.value > best.value || (other.value == best.value && other.row < best.row)) best = other;
      }
      nextTokens[static_cast<std::size_t>(sampled_[i].sequence)] = best.row;
    }
  }

  ModelShape shape_;
  BackendLimits limits_;
  dense::Isa isa_;
  const Kernels& kernels_;
  CacheLayout layout_;
  ThreadPool pool_;
  CpuWeights weights_;
  PageBuffer cache_;  ///< [layers][blocks][blockBytes]
  PageBuffer work_;
  float* stream_ = nullptr;    ///< [tokens][hidden]
  float* normed_ = nullptr;    ///< packed
  float* qkv_ = nullptr;       ///< [tokens][qkvRows]
  float* attended_ = nullptr;  ///< packed
  float* gated_ = nullptr;     ///< packed
  std::size_t attentionDepth_ = 0;
  std::size_t gatedDepth_ = 0;
  std::vector<float> cosines_;  ///< [maxTokens][headDim / 2]
  std::vector<float> sines_;
  std::vector<Scratch> scratch_;  ///< of each thread
  Tiles tiles_;
  Tiles sampledTiles_;
  std::vector<Sampled> sampled_;
  std::vector<AttentionPart> attention_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace

}  // namespace cpu

std::unique_ptr<Backend> makeCpuBackend(const ModelShape& shape, const BackendLimits& limits,
                                        const CpuOptions& options) {
  const std::string problem = cpu::problemOf(limits, shape);
  if (!problem.empty()) throw std::invalid_argument(problem);
  if (options.threads < 0) throw std::invalid_argument("threads has to be at least 0");
  const dense::Isa isa = dense::chooseIsa(options.isa);
  cpu::checkMemory(shape, limits, cpu::kernelsOf(isa));
  return std::make_unique<cpu::CpuBackend>(shape, limits, isa,
                                           options.threads == 0 ? hostCpu().defaultThreads() : options.threads);
}

}  // namespace canopy
