#include "engine/model_shape.h"

#include <stdexcept>

#include "testing/check.h"

using namespace canopy;

TEST("parameters of llama-3-8b are those of its paper") {
  // 8,030,261,248 parameters: 32 layers of 218,112,000, two matrices of 128256 x 4096, one norm.
  CHECK_EQUAL(presetShape("llama-3-8b").parameterCount(), 8030261248);
  CHECK_EQUAL(presetShape("llama-3-70b").parameterCount(), 70553706496);
}

TEST("every preset is sound") {
  for (const std::string& name : presetNames()) CHECK_EQUAL(problemOf(presetShape(name)), std::string());
}

TEST("a shard holds its part of heads, ffn, vocabulary and cache") {
  const ModelShape whole = presetShape("llama-3-70b");
  const ModelShape shard = presetShape("llama-3-70b", 4);
  CHECK_EQUAL(shard.heads, 16);
  CHECK_EQUAL(shard.kvHeads, 2);
  CHECK_EQUAL(shard.kvBytesPerToken() * 4, whole.kvBytesPerToken());
  // 2 (key, value) x 80 layers x 8 heads x 128 x 2 bytes.
  CHECK_EQUAL(whole.kvBytesPerToken(), 327680);
}

TEST("what no shape has is refused by name") {
  CHECK_THROWS(presetShape("llama"), std::invalid_argument, "expected one of tiny, 1b");
  CHECK_THROWS(presetShape("llama-3-8b", 3), std::invalid_argument, "tensorParallel 3");
  ModelShape odd = presetShape("tiny");
  odd.kvHeads = 3;
  CHECK_EQUAL(problemOf(odd), std::string("kvHeads has to divide heads"));
}

TEST("sizes whose products would leave their integers are refused") {
  ModelShape wide = presetShape("tiny");
  wide.heads = wide.kvHeads = wide.headDim = 1 << 30;
  CHECK_EQUAL(problemOf(wide), "(heads + 2 kvHeads) headDim is 3458764513820540928: at most 4000000");
  ModelShape deep = presetShape("tiny");
  deep.layers = 1'000'000'000;
  CHECK_EQUAL(problemOf(deep), "layers is 1000000000: at most 1000");
}
