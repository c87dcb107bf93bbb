#include "testing/kernel_cases.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "cuda/kernels.h"
#include "testing/device_data.h"

namespace canopy::testing {

namespace {

using cuda::bf16;

std::size_t size(int count) { return static_cast<std::size_t>(count); }

/// Values that a kernel wrote, against the twin's; `slack` adds to the rounding of the type.
class Comparison {
 public:
  void add(double got, double wanted, double tolerance) {
    const double error = std::abs(got - wanted);
    if (!(error <= tolerance) && problem_.empty()) {
      problem_ = "value " + std::to_string(count_) + " is " + std::to_string(got) + ", expected " +
                 std::to_string(wanted) + " +- " + std::to_string(tolerance);
    }
    ++count_;
  }
  void addBf16(bf16 got, double wanted, double slack) {
    add(bf16ToFloat(got), wanted, std::abs(wanted) / 256.0 + slack);
  }
  std::string problem() const { return count_ == 0 ? "nothing was compared" : problem_; }

 private:
  long count_ = 0;
  std::string problem_;
};

std::string fillCase(std::uint64_t count) {
  const cuda::Stream stream = cuda::makeStream();
  auto out = unfilled<bf16>(count, stream.get());
  const float scale = std::sqrt(3.0F / 4096.0F);
  cuda::fillWeights(out.get(), count, 7, Matrix::gateUp, scale, stream.get());
  const auto got = download(out, stream.get());
  for (std::uint64_t i = 0; i < count; ++i) {
    if (got[i].bits != asBf16(syntheticWeight(7, Matrix::gateUp, i, scale)).bits) {
      return "weight " + std::to_string(i) + " has other bits than the CPU's";
    }
  }
  return "";
}

std::string embedCase(int tokenCount, int hidden) {
  const cuda::Stream stream = cuda::makeStream();
  constexpr int vocab = 37;
  const auto table = randomBf16(size(vocab * hidden), 1, 1.0F);
  std::vector<std::int32_t> tokens;
  for (int t = 0; t < tokenCount; ++t) tokens.push_back(t * 11 % vocab);
  const auto tableOn = upload(table, stream.get());
  const auto tokensOn = upload(tokens, stream.get());
  auto residual = unfilled<float>(size(tokenCount * hidden), stream.get());
  cuda::embed(tokensOn.get(), tableOn.get(), residual.get(), tokenCount, hidden, stream.get());
  const auto got = download(residual, stream.get());
  Comparison comparison;
  for (int t = 0; t < tokenCount; ++t) {
    for (int i = 0; i < hidden; ++i) {
      comparison.add(got[size(t * hidden + i)], bf16ToFloat(table[size(tokens[size(t)] * hidden + i)]), 0.0);
    }
  }
  return comparison.problem();
}

std::string normalizeCase(int rows, int hidden, bool withDelta, bool gathered) {
  const cuda::Stream stream = cuda::makeStream();
  const int sourceRows = gathered ? 2 * rows + 1 : rows;
  const auto residual = randomFloats(size(sourceRows * hidden), 2, 3.0F);
  const auto delta = randomBf16(size(sourceRows * hidden), 3, 2.0F);
  auto gain = randomFloats(size(hidden), 4, 0.1F);
  for (float& value : gain) value += 1.0F;
  std::vector<std::int32_t> index;
  for (int r = 0; r < rows; ++r) index.push_back(gathered ? 2 * (rows - 1 - r) + 1 : r);
  auto residualOn = upload(residual, stream.get());
  const auto deltaOn = upload(delta, stream.get());
  const auto gainOn = upload(gain, stream.get());
  const auto indexOn = upload(index, stream.get());
  auto out = unfilled<bf16>(size(rows * hidden), stream.get());
  constexpr float epsilon = 1e-5F;
  cuda::addAndNormalize(residualOn.get(), withDelta ? deltaOn.get() : nullptr, gainOn.get(),
                        gathered ? indexOn.get() : nullptr, out.get(), rows, hidden, epsilon, stream.get());
  const auto got = download(out, stream.get());
  const auto stream1 = download(residualOn, stream.get());
  Comparison comparison;
  for (int r = 0; r < rows; ++r) {
    const std::size_t from = size(index[size(r)] * hidden);
    double squares = 0.0;
    std::vector<double> values;
    for (std::size_t i = 0; i < size(hidden); ++i) {
      const float sum = withDelta ? residual[from + i] + bf16ToFloat(delta[from + i]) : residual[from + i];
      comparison.add(stream1[from + i], sum, 0.0);
      values.push_back(sum);
      squares += values.back() * values.back();
    }
    const double scale = 1.0 / std::sqrt(squares / hidden + epsilon);
    for (std::size_t i = 0; i < size(hidden); ++i) {
      comparison.addBf16(got[size(r * hidden) + i], values[i] * scale * gain[i], 1e-5);
    }
  }
  return comparison.problem();
}

std::string ropeCase(int tokenCount, int heads, int kvHeads, int headDim, int blockShift) {
  const cuda::Stream stream = cuda::makeStream();
  const int stride = (heads + 2 * kvHeads) * headDim;
  const int half = headDim / 2;
  const int positionsInAll = 50;
  const int blockTokens = 1 << blockShift;
  const int blocks = (tokenCount + blockTokens - 1) / blockTokens + 1;
  const auto qkv = randomBf16(size(tokenCount * stride), 5, 2.0F);
  std::vector<float> turns(size(positionsInAll * headDim));
  for (int p = 0; p < positionsInAll; ++p) {
    for (int i = 0; i < half; ++i) {
      const double angle = p * std::pow(10000.0, -2.0 * i / headDim);
      turns[size(p * headDim + i)] = static_cast<float>(std::cos(angle));
      turns[size(p * headDim + half + i)] = static_cast<float>(std::sin(angle));
    }
  }
  std::vector<std::int32_t> positions;
  std::vector<std::int32_t> slots;
  for (int t = 0; t < tokenCount; ++t) {
    positions.push_back(t * 7 % positionsInAll);
    slots.push_back(t % 5 == 4 ? -1 : blocks * blockTokens - 1 - t);
  }
  auto qkvOn = upload(qkv, stream.get());
  const auto turnsOn = upload(turns, stream.get());
  const auto positionsOn = upload(positions, stream.get());
  const auto slotsOn = upload(slots, stream.get());
  const std::size_t cacheSize = size(blocks * blockTokens * kvHeads * headDim);
  auto keys = unfilled<bf16>(cacheSize, stream.get());
  auto values = unfilled<bf16>(cacheSize, stream.get());
  const cuda::PagedCache cache{keys.get(), values.get(), kvHeads, blockShift};
  cuda::ropeAndCache(qkvOn.get(), turnsOn.get(), positionsOn.get(), slotsOn.get(), cache, tokenCount, heads, headDim,
                     stream.get());
  const auto gotQkv = download(qkvOn, stream.get());
  const auto gotKeys = download(keys, stream.get());
  const auto gotValues = download(values, stream.get());
  Comparison comparison;
  std::size_t written = 0;
  for (int t = 0; t < tokenCount; ++t) {
    const int slot = slots[size(t)];
    const auto turned = [&](int head, int i) {
      const bf16* row = &qkv[size(t * stride + head * headDim)];
      const int pair = i % half;
      const double angle = positions[size(t)] * std::pow(10000.0, -2.0 * pair / headDim);
      const double a = bf16ToFloat(row[pair]);
      const double b = bf16ToFloat(row[pair + half]);
      return i < half ? a * std::cos(angle) - b * std::sin(angle) : b * std::cos(angle) + a * std::sin(angle);
    };
    for (int head = 0; head < heads; ++head) {
      for (int i = 0; i < headDim; ++i) {
        comparison.addBf16(gotQkv[size(t * stride + head * headDim + i)], turned(head, i), 1e-5);
      }
    }
    if (slot < 0) continue;
    for (int head = 0; head < kvHeads; ++head) {
      const std::size_t at =
          size((((slot >> blockShift) * kvHeads + head) * blockTokens + slot % blockTokens) * headDim);
      for (int i = 0; i < headDim; ++i) {
        comparison.addBf16(gotKeys[at + size(i)], turned(heads + head, i), 1e-5);
        comparison.add(gotValues[at + size(i)].bits,
                       qkv[size(t * stride + (heads + kvHeads + head) * headDim + i)].bits, 0.0);
        ++written;
      }
    }
  }
  const auto untouched = std::count_if(gotKeys.begin(), gotKeys.end(), [](bf16 v) { return v.bits == 0xffff; });
  comparison.add(static_cast<double>(untouched), static_cast<double>(cacheSize - written), 0.0);
  return comparison.problem();
}

std::string siluCase(int tokenCount, int ffn) {
  const cuda::Stream stream = cuda::makeStream();
  auto gateUp = randomBf16(size(tokenCount * 2 * ffn), 6, 8.0F);
  gateUp[0] = asBf16(-200.0F);  // exp overflows
  const auto gateUpOn = upload(gateUp, stream.get());
  auto out = unfilled<bf16>(size(tokenCount * ffn), stream.get());
  cuda::siluMultiply(gateUpOn.get(), out.get(), tokenCount, ffn, stream.get());
  const auto got = download(out, stream.get());
  Comparison comparison;
  for (int t = 0; t < tokenCount; ++t) {
    for (int i = 0; i < ffn; ++i) {
      const double gate = bf16ToFloat(gateUp[size(t * 2 * ffn + i)]);
      const double up = bf16ToFloat(gateUp[size(t * 2 * ffn + ffn + i)]);
      comparison.addBf16(got[size(t * ffn + i)], gate / (1.0 + std::exp(-gate)) * up, 1e-5);
    }
  }
  return comparison.problem();
}

std::string argmaxCase(int rows, int columns) {
  const cuda::Stream stream = cuda::makeStream();
  auto logits = randomFloats(size(rows * columns), 8, 5.0F);
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  std::vector<std::int32_t> wanted;
  for (int r = 0; r < rows; ++r) {
    float* row = &logits[size(r * columns)];
    if (r == 1) std::fill(row, row + columns, -2.0F);  // all are equal: the lowest wins
    if (r == 2) row[columns / 2] = row[columns - 1] = 9.0F;
    if (r == 3) row[columns - 1] = nan;
    if (r == 4) std::fill(row, row + columns, -infinity);
    if (r == 5) std::fill(row, row + columns, nan);
    if (r == 6) row[columns - 1] = 9.0F;
    int best = 0;
    for (int c = 1; c < columns; ++c) {
      if (row[c] > row[best] || (std::isnan(row[best]) && !std::isnan(row[c]))) best = c;
    }
    wanted.push_back(best);
  }
  const auto logitsOn = upload(logits, stream.get());
  auto out = unfilled<std::int32_t>(size(rows), stream.get());
  cuda::argmaxRows(logitsOn.get(), out.get(), rows, columns, stream.get());
  const auto got = download(out, stream.get());
  Comparison comparison;
  for (int r = 0; r < rows; ++r) comparison.add(got[size(r)], wanted[size(r)], 0.0);
  return comparison.problem();
}

/// tile 0: the skinny kernel.
std::string productCase(int m, int n, int k, bool fp32, int tile, int splits) {
  const cuda::Stream stream = cuda::makeStream();
  const auto x = randomBf16(size(m * k), 9, 1.0F);
  const auto w = randomBf16(size(n * k), 10, 1.0F);
  const auto xOn = upload(x, stream.get());
  const auto wOn = upload(w, stream.get());
  auto y32 = unfilled<float>(size(m * n), stream.get());
  auto y16 = unfilled<bf16>(size(m * n), stream.get());
  auto workspace = unfilled<float>(size(splits * m * n), stream.get());
  const cuda::Product product{xOn.get(), wOn.get(), fp32 ? static_cast<void*>(y32.get()) : y16.get(), fp32, m, n, k};
  if (tile == 0) {
    cuda::skinnyProduct(product, stream.get());
  } else {
    cuda::tileProduct(product, {tile, splits}, workspace.get(), stream.get());
  }
  const auto got32 = download(y32, stream.get());
  const auto got16 = download(y16, stream.get());
  std::vector<float> wFloat;
  for (const bf16 value : w) wFloat.push_back(bf16ToFloat(value));
  Comparison comparison;
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      double sum = 0.0;
      double magnitude = 0.0;
      for (int l = 0; l < k; ++l) {
        const double term = double{bf16ToFloat(x[size(i * k + l)])} * wFloat[size(j * k + l)];
        sum += term;
        magnitude += std::abs(term);
      }
      const std::size_t at = size(i * n + j);
      if (fp32) {
        comparison.add(got32[at], sum, 1e-6 * magnitude);
      } else {
        comparison.addBf16(got16[at], sum, 1e-6 * magnitude);
      }
    }
  }
  return comparison.problem();
}

struct AttentionShape {
  int heads;
  int kvHeads;
  int headDim;
  int blockShift;
  std::vector<int> queries;   ///< tokens of each sequence in this step
  std::vector<int> contexts;  ///< with these
  int splits = 0;             ///< 0: the prefill kernel; else decode
};

std::string attentionCase(const AttentionShape& shape) {
  const cuda::Stream stream = cuda::makeStream();
  const int sequences = static_cast<int>(shape.contexts.size());
  const int blockTokens = 1 << shape.blockShift;
  const int longest = *std::max_element(shape.contexts.begin(), shape.contexts.end());
  const int tableStride = (longest + blockTokens - 1) / blockTokens;  // the longest context fills its table
  std::vector<std::int32_t> queryStarts{0};
  for (const int count : shape.queries) queryStarts.push_back(queryStarts.back() + count);
  const int tokens = queryStarts.back();

  // Blocks of all sequences, dealt in an order that is no one's own; the last block belongs to nobody.
  int blocks = 1;
  for (const int context : shape.contexts) blocks += (context + blockTokens - 1) / blockTokens;
  std::vector<std::int32_t> table(size(sequences * tableStride), -1);
  std::vector<std::int32_t> dealt(size(blocks - 1));
  std::iota(dealt.begin(), dealt.end(), 0);
  for (std::size_t i = dealt.size(); i > 1; --i) std::swap(dealt[i - 1], dealt[mixBits(i) % i]);
  std::size_t next = 0;
  for (int s = 0; s < sequences; ++s) {
    for (int b = 0; b * blockTokens < shape.contexts[size(s)]; ++b) table[size(s * tableStride + b)] = dealt[next++];
  }

  const int stride = (shape.heads + 2 * shape.kvHeads) * shape.headDim;
  // Queries large enough that some keys weigh much more than others.
  const auto qkv = randomBf16(size(tokens * stride), 11, 2.0F);
  const std::size_t cacheSize = size(blocks * shape.kvHeads * blockTokens * shape.headDim);
  auto keys = randomBf16(cacheSize, 12, 2.0F);
  auto values = randomBf16(cacheSize, 13, 2.0F);
  // Whatever lies behind a context has to be left alone: NaN would spread.
  const auto at = [&](int sequence, int head, int position) {
    const int block = table[size(sequence * tableStride + position / blockTokens)];
    return size(((block * shape.kvHeads + head) * blockTokens + position % blockTokens) * shape.headDim);
  };
  for (int s = 0; s < sequences; ++s) {
    const int context = shape.contexts[size(s)];
    for (int p = context; p < (context + blockTokens - 1) / blockTokens * blockTokens; ++p) {
      for (int head = 0; head < shape.kvHeads; ++head) {
        std::fill_n(keys.begin() + static_cast<std::ptrdiff_t>(at(s, head, p)), shape.headDim, bf16{0x7fff});
        std::fill_n(values.begin() + static_cast<std::ptrdiff_t>(at(s, head, p)), shape.headDim, bf16{0x7fff});
      }
    }
  }

  const auto qkvOn = upload(qkv, stream.get());
  const auto keysOn = upload(keys, stream.get());
  const auto valuesOn = upload(values, stream.get());
  const auto tableOn = upload(table, stream.get());
  const auto startsOn = upload(queryStarts, stream.get());
  const auto contextsOn = upload(std::vector<std::int32_t>(shape.contexts.begin(), shape.contexts.end()), stream.get());
  auto out = unfilled<bf16>(size(tokens * shape.heads * shape.headDim), stream.get());
  const cuda::AttentionInput input{
      qkvOn.get(),      stride,      {keysOn.get(), valuesOn.get(), shape.kvHeads, shape.blockShift},
      tableOn.get(),    tableStride, startsOn.get(),
      contextsOn.get(), out.get(),   shape.heads,
      shape.headDim};
  std::vector<cuda::QueryTile> tiles;
  std::vector<std::int32_t> decodes;
  for (int s = 0; s < sequences; ++s) {
    decodes.push_back(sequences - 1 - s);
    const int perTile = cuda::queriesPerTile(shape.heads, shape.kvHeads);
    for (int first = 0; first < shape.queries[size(s)]; first += perTile) tiles.push_back({s, first});
  }
  const auto tilesOn = upload(tiles, stream.get());
  const auto decodesOn = upload(decodes, stream.get());
  auto partials = unfilled<float>(
      cuda::decodeWorkspace(sequences, shape.heads, shape.headDim, std::max(shape.splits, 1)), stream.get());
  if (shape.splits == 0) {
    cuda::prefillAttention(input, tilesOn.get(), static_cast<int>(tiles.size()), stream.get());
  } else {
    cuda::decodeAttention(input, decodesOn.get(), sequences, shape.splits, partials.get(), stream.get());
  }
  const auto got = download(out, stream.get());

  Comparison comparison;
  const int group = shape.heads / shape.kvHeads;
  const auto dim = size(shape.headDim);
  for (int s = 0; s < sequences; ++s) {
    const int context = shape.contexts[size(s)];
    const int count = shape.queries[size(s)];
    for (int i = 0; i < count; ++i) {
      const int visible = context == 0 ? 0 : context - count + i + 1;
      for (int head = 0; head < shape.heads; ++head) {
        const std::size_t token = size(queryStarts[size(s)] + i);
        const bf16* q = &qkv[token * size(stride) + size(head) * dim];
        std::vector<double> weights;
        double largest = -1e300;
        for (int p = 0; p < visible; ++p) {
          const bf16* key = &keys[at(s, head / group, p)];
          double score = 0.0;
          for (std::size_t d = 0; d < dim; ++d) score += double{bf16ToFloat(q[d])} * bf16ToFloat(key[d]);
          weights.push_back(score / std::sqrt(double(shape.headDim)));
          largest = std::max(largest, weights.back());
        }
        double sum = 0.0;
        for (double& weight : weights) sum += weight = std::exp(weight - largest);
        std::vector<double> wanted(dim, 0.0);
        std::vector<double> magnitude(dim, 0.0);
        for (int p = 0; p < visible; ++p) {
          const bf16* value = &values[at(s, head / group, p)];
          for (std::size_t d = 0; d < dim; ++d) {
            const double term = weights[size(p)] / sum * bf16ToFloat(value[d]);
            wanted[d] += term;
            magnitude[d] += std::abs(term);
          }
        }
        for (std::size_t d = 0; d < dim; ++d) {
          // Weights are rounded to bf16 before they meet the values.
          comparison.addBf16(got[token * size(shape.heads) * dim + size(head) * dim + d], wanted[d],
                             magnitude[d] / 256.0 + 1e-6);
        }
      }
    }
  }
  return comparison.problem();
}

}  // namespace

std::vector<KernelCase> kernelCases() {
  std::vector<KernelCase> cases;
  const auto add = [&](const std::string& name, std::function<std::string()> run, bool large = false) {
    cases.push_back({name, large, std::move(run)});
  };
  add("fillWeights, 5,000 values", [] { return fillCase(5000); });
  add("embed, 3 tokens of 520", [] { return embedCase(3, 520); });
  for (const int hidden : {8, 264, 4096}) {
    add("addAndNormalize of " + std::to_string(hidden), [=] { return normalizeCase(3, hidden, true, false); });
  }
  add("addAndNormalize without delta", [] { return normalizeCase(2, 72, false, false); });
  add("addAndNormalize of chosen rows", [] { return normalizeCase(3, 2056, true, true); });
  add("ropeAndCache, 32/8 heads of 128", [] { return ropeCase(7, 32, 8, 128, 4); });
  add("ropeAndCache, 3/1 heads of 64, blocks of 8", [] { return ropeCase(13, 3, 1, 64, 3); });
  add("siluMultiply, 5 tokens of 1,416", [] { return siluCase(5, 1416); });
  add("argmaxRows, 7 rows of 5,003", [] { return argmaxCase(7, 5003); });
  add("argmaxRows, 7 rows of 3", [] { return argmaxCase(7, 3); });

  for (const int m : {1, 3, 8, 9, 16}) {
    for (const int k : {8, 64, 200, 1096}) {
      const bool fp32 = (m + k / 8) % 2 == 0;
      add("skinnyProduct " + std::to_string(m) + "x37x" + std::to_string(k),
          [=] { return productCase(m, 37, k, fp32, 0, 1); });
    }
  }
  struct TileCase {
    int tile, m, n, k, splits;
    bool fp32;
  };
  for (const TileCase c :
       {TileCase{64, 17, 66, 8, 1, false}, TileCase{64, 65, 37, 160, 1, true}, TileCase{64, 33, 130, 296, 2, false},
        TileCase{64, 70, 64, 264, 5, true}, TileCase{128, 130, 70, 40, 1, false}, TileCase{128, 37, 257, 232, 1, true},
        TileCase{128, 129, 128, 96, 2, false}, TileCase{64, 64, 8, 32, 3, false}}) {
    add("tileProduct<" + std::to_string(c.tile) + "> " + std::to_string(c.m) + "x" + std::to_string(c.n) + "x" +
            std::to_string(c.k) + " in " + std::to_string(c.splits) + " parts",
        [=] { return productCase(c.m, c.n, c.k, c.fp32, c.tile, c.splits); });
  }

  for (const int group : {1, 2, 3, 4, 5, 6, 7, 8}) {
    const int headDim = group % 2 == 0 ? 128 : 64;
    add("prefillAttention, group of " + std::to_string(group), [=] {
      return attentionCase({2 * group, 2, headDim, 4, {19, 1, 30}, {19, 37, 95}, 0});
    });
    add("decodeAttention, group of " + std::to_string(group), [=] {
      return attentionCase({2 * group, 2, headDim, 4, {1, 1, 1}, {1, 65, 211}, group % 3 + 1});
    });
  }
  add("prefillAttention, blocks of 32, 130 queries", [] { return attentionCase({4, 1, 64, 5, {130}, {131}, 0}); });
  add("decodeAttention with an empty row, in one part", [] {
    return attentionCase({8, 1, 128, 4, {1, 1}, {40, 0}, 1});
  });
  add("decodeAttention with an empty row, in many parts", [] {
    return attentionCase({8, 1, 128, 3, {1, 1, 1}, {400, 0, 17}, 6});
  });
  add(
      "decodeAttention, 4,096 tokens of context, Llama-3 heads",
      [] {
        return attentionCase({16, 2, 128, 4, {1, 1}, {4096, 4095}, 7});
      },
      true);
  add(
      "prefillAttention, a chunk of 24 behind 4,072 tokens, Llama-3 heads",
      [] {
        return attentionCase({8, 1, 128, 4, {24}, {4096}, 0});
      },
      true);
  return cases;
}

}  // namespace canopy::testing
