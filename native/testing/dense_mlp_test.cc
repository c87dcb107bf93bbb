// Gradients against central differences, Adam and Polyak against their formulas.
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "dense/mlp.h"
#include "testing/check.h"

using namespace canopy::dense;

namespace {

std::vector<float> numbers(std::size_t count, std::uint32_t seed) {
  std::vector<float> values(count);
  for (float& value : values) {
    seed = seed * 1664525U + 1013904223U;
    value = static_cast<float>(seed >> 8) / 16777216.0F - 0.5F;
  }
  return values;
}

/// Sum of the outputs weighted by `weights`, in double; its gradient by the outputs is `weights`.
double loss(const MlpShape& shape, const std::vector<double>& parameters, const std::vector<double>& inputs,
            std::size_t rows, const std::vector<float>& weights) {
  double total = 0.0;
  for (std::size_t r = 0; r < rows; ++r) {
    const auto first = inputs.begin() + static_cast<std::ptrdiff_t>(r) * shape.inputs();
    std::vector<double> x(first, first + shape.inputs());
    const double* w = parameters.data();
    for (std::size_t layer = 0; layer < shape.layers(); ++layer) {
      const auto in = static_cast<std::size_t>(shape.sizes[layer]);
      const auto out = static_cast<std::size_t>(shape.sizes[layer + 1]);
      std::vector<double> y(out);
      for (std::size_t j = 0; j < out; ++j) {
        double sum = w[in * out + j];
        for (std::size_t i = 0; i < in; ++i) sum += x[i] * w[i * out + j];
        const Activation activation = shape.activations[layer];
        y[j] = activation == Activation::relu   ? std::fmax(0.0, sum)
               : activation == Activation::tanh ? std::tanh(sum)
                                                : sum;
      }
      x = y;
      w += (in + 1) * out;
    }
    for (std::size_t j = 0; j < x.size(); ++j) total += x[j] * static_cast<double>(weights[r * x.size() + j]);
  }
  return total;
}

double difference(const MlpShape& shape, std::vector<double> parameters, std::vector<double> inputs, std::size_t rows,
                  const std::vector<float>& weights, bool ofParameter, std::size_t at) {
  double& moved = ofParameter ? parameters[at] : inputs[at];
  const double here = moved;
  const double step = 1e-6;
  moved = here + step;
  const double above = loss(shape, parameters, inputs, rows, weights);
  moved = here - step;
  return (above - loss(shape, parameters, inputs, rows, weights)) / (2.0 * step);
}

}  // namespace

TEST("gradients equal central differences") {
  const MlpShape shape{{3, 9, 5, 2}, {Activation::relu, Activation::tanh, Activation::linear}};
  const std::size_t rows = 7;
  const auto count = static_cast<std::size_t>(shape.parameterCount());
  CHECK_EQUAL(count, std::size_t{36 + 50 + 12});
  const std::vector<float> parameters = numbers(count, 11);
  const std::vector<float> inputs = numbers(rows * 3, 12);
  const std::vector<float> weights = numbers(rows * 2, 13);
  const std::vector<double> parametersD(parameters.begin(), parameters.end());
  const std::vector<double> inputsD(inputs.begin(), inputs.end());
  for (const Isa isa : isasHere()) {
    Mlp mlp(shape, isa);
    std::vector<float> outputs(rows * 2);
    mlp.forward(parameters.data(), inputs.data(), rows, outputs.data());
    double total = 0.0;
    for (std::size_t i = 0; i < outputs.size(); ++i)
      total += static_cast<double>(outputs[i]) * static_cast<double>(weights[i]);
    CHECK_CLOSE(total, loss(shape, parametersD, inputsD, rows, weights), 1e-6);
    std::vector<float> parameterGradients(count, -9.0F);
    std::vector<float> inputGradients(rows * 3, -9.0F);
    mlp.backward(parameters.data(), weights.data(), parameterGradients.data(), inputGradients.data());
    for (std::size_t i = 0; i < count; ++i) {
      CHECK_CLOSE(parameterGradients[i], difference(shape, parametersD, inputsD, rows, weights, true, i), 2e-6);
    }
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      CHECK_CLOSE(inputGradients[i], difference(shape, parametersD, inputsD, rows, weights, false, i), 2e-6);
    }
    std::vector<float> alone(rows * 3);
    mlp.backward(parameters.data(), weights.data(), nullptr, alone.data());
    CHECK(alone == inputGradients);
    std::vector<float> parametersAlone(count);
    mlp.backward(parameters.data(), weights.data(), parametersAlone.data(), nullptr);
    CHECK(parametersAlone == parameterGradients);
  }
}

TEST("a smaller batch after a larger one gives its own rows") {
  const MlpShape shape{{4, 16, 3}, {Activation::relu, Activation::tanh}};
  const std::vector<float> parameters = numbers(static_cast<std::size_t>(shape.parameterCount()), 21);
  const std::vector<float> inputs = numbers(10 * 4, 22);
  Mlp mlp(shape, chooseIsa("auto"));
  std::vector<float> all(10 * 3);
  mlp.forward(parameters.data(), inputs.data(), 10, all.data());
  std::vector<float> two(2 * 3);
  mlp.forward(parameters.data(), inputs.data(), 2, two.data());
  CHECK_EQUAL(mlp.rows(), std::ptrdiff_t{2});
  CHECK(std::vector<float>(all.begin(), all.begin() + 6) == two);
}

TEST("Adam's first step is the learning rate in the gradient's direction") {
  for (const Isa isa : isasHere()) {
    std::vector<float> parameters(19, 1.0F);
    std::vector<float> gradients(19, 4.0F);
    gradients[3] = -0.25F;
    std::vector<float> moment1(19, 0.0F);
    std::vector<float> moment2(19, 0.0F);
    AdamArguments step;
    step.count = 19;
    step.parameters = parameters.data();
    step.gradients = gradients.data();
    step.moment1 = moment1.data();
    step.moment2 = moment2.data();
    step.stepSize = 1e-3F / (1.0F - 0.9F);
    step.rootScale = 1.0F / std::sqrt(1.0F - 0.999F);
    kernelsOf(isa).adam(step);
    for (std::size_t i = 0; i < 19; ++i) CHECK_CLOSE(parameters[i], i == 3 ? 1.001 : 0.999, 1e-6);
    CHECK_CLOSE(moment1[0], 0.4, 1e-6);
    CHECK_CLOSE(moment2[0], 0.016, 1e-6);
  }
}

TEST("Polyak averaging") {
  for (const Isa isa : isasHere()) {
    std::vector<float> target(21, 0.2F);
    const std::vector<float> source(21, 1.0F);
    kernelsOf(isa).polyak(target.data(), source.data(), 21, 0.005F);
    for (const float value : target) CHECK_CLOSE(value, 0.204, 1e-7);
  }
}

TEST("denormals are flushed inside the guard and only there") {
#if defined(__x86_64__)
  volatile float tiny = 1e-39F;
  volatile float product = 0.0F;
  {
    const FlushDenormals guard;
    product = tiny * 0.5F;
  }
  CHECK_EQUAL(static_cast<float>(product), 0.0F);
  product = tiny * 0.5F;
  CHECK(static_cast<float>(product) > 0.0F);
#else
  SKIP("only x86-64 is switched");
#endif
}

TEST("a NaN is not hidden by an activation") {
  const MlpShape shape{{1, 2}, {Activation::relu}};
  const std::vector<float> parameters{1.0F, -1.0F, 0.0F, 0.0F};
  const float input = std::numeric_limits<float>::quiet_NaN();
  for (const Isa isa : isasHere()) {
    Mlp mlp(shape, isa);
    float outputs[2] = {0.0F, 0.0F};
    mlp.forward(parameters.data(), &input, 1, outputs);
    CHECK(std::isnan(outputs[0]) && std::isnan(outputs[1]));
  }
}

TEST("shapes that are none are refused") {
  CHECK_THROWS(Mlp(MlpShape{{3}, {}}, Isa::baseline), std::invalid_argument, "at least one layer");
  CHECK_THROWS(Mlp(MlpShape{{3, 0}, {Activation::relu}}, Isa::baseline), std::invalid_argument, "at least one unit");
  CHECK_THROWS(activationFrom("gelu"), std::invalid_argument, "relu");
}
