// The dense kernels for JavaScript: class DenseKernels (one instruction set) and class DenseMlp (one network's
// workspace). All arrays are Float32Arrays, over shared memory or not, and stay JavaScript's: they are looked up at
// every call, so that one whose buffer was transferred away is an error and never a stale pointer. Calls return when
// done.
#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bindings/errors.h"
#include "bindings/register.h"
#include "dense/isa.h"
#include "dense/kernels.h"
#include "dense/mlp.h"

namespace canopy::bindings {

namespace {

/// Whole, not negative and small enough that a product of two cannot overflow.
std::ptrdiff_t sizeOf(const Napi::Value& value, const char* name) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1.0;
  if (!(number >= 0.0) || number > 1e9 || number != std::floor(number)) {
    throw argumentError(value.Env(), std::string(name) + " has to be a whole number from 0 to 1e9");
  }
  return static_cast<std::ptrdiff_t>(number);
}

float numberOf(const Napi::Value& value, const char* name) {
  if (!value.IsNumber()) throw argumentError(value.Env(), std::string(name) + " has to be a number");
  return value.As<Napi::Number>().FloatValue();
}

/// The array's first element. It has to hold `count` elements at least.
float* floatsOf(const Napi::Value& value, std::ptrdiff_t count, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    throw argumentError(value.Env(), std::string(name) + " has to be a Float32Array");
  }
  const auto array = value.As<Napi::Float32Array>();
  if (array.ElementLength() < static_cast<std::size_t>(count)) {
    throw argumentError(value.Env(), std::string(name) + " holds " + std::to_string(array.ElementLength()) +
                                         " elements, expected " + std::to_string(count));
  }
  return const_cast<float*>(array.Data());
}

/// As floatsOf, and null for null.
float* floatsOrNull(const Napi::Value& value, std::ptrdiff_t count, const char* name) {
  return value.IsNull() ? nullptr : floatsOf(value, count, name);
}

dense::Isa isaOf(const Napi::Value& value) {
  if (!value.IsString()) throw argumentError(value.Env(), "isa has to be a string");
  return dense::chooseIsa(value.As<Napi::String>().Utf8Value());
}

class DenseKernels : public Napi::ObjectWrap<DenseKernels> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "DenseKernels",
        {InstanceAccessor<&DenseKernels::isa>("isa"), InstanceMethod<&DenseKernels::gemm>("gemm"),
         InstanceMethod<&DenseKernels::adamStep>("adamStep"), InstanceMethod<&DenseKernels::polyak>("polyak")});
  }

  /// (isa: string)
  explicit DenseKernels(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<DenseKernels>(info), isa_(guarded(info.Env(), [&] { return isaOf(info[0]); })) {}

 private:
  Napi::Value isa(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), dense::nameOf(isa_)); }

  /// (transA, transB, m, n, k, alpha, a, b, beta, c)
  Napi::Value gemm(const Napi::CallbackInfo& info) {
    dense::GemmArguments g;
    g.transA = info[0].ToBoolean();
    g.transB = info[1].ToBoolean();
    g.m = sizeOf(info[2], "m");
    g.n = sizeOf(info[3], "n");
    g.k = sizeOf(info[4], "k");
    g.alpha = numberOf(info[5], "alpha");
    g.a = floatsOf(info[6], g.m * g.k, "a");
    g.b = floatsOf(info[7], g.k * g.n, "b");
    g.beta = numberOf(info[8], "beta");
    g.c = floatsOf(info[9], g.m * g.n, "c");
    const dense::FlushDenormals guard;
    dense::kernelsOf(isa_).gemm(g);
    return info.Env().Undefined();
  }

  /// (parameters, gradients, moment1, moment2, step, learningRate, beta1, beta2, epsilon); step counts from 1.
  Napi::Value adamStep(const Napi::CallbackInfo& info) {
    dense::AdamArguments s;
    s.parameters = floatsOf(info[0], 0, "parameters");
    s.count = static_cast<std::ptrdiff_t>(info[0].As<Napi::Float32Array>().ElementLength());
    s.gradients = floatsOf(info[1], s.count, "gradients");
    s.moment1 = floatsOf(info[2], s.count, "moment1");
    s.moment2 = floatsOf(info[3], s.count, "moment2");
    const auto step = static_cast<double>(sizeOf(info[4], "step"));
    // In double: 1 - beta^t loses its digits in float.
    const double beta1 = info[6].ToNumber().DoubleValue();
    const double beta2 = info[7].ToNumber().DoubleValue();
    s.beta1 = static_cast<float>(beta1);
    s.beta2 = static_cast<float>(beta2);
    s.stepSize = static_cast<float>(info[5].ToNumber().DoubleValue() / (1.0 - std::pow(beta1, step)));
    s.rootScale = static_cast<float>(1.0 / std::sqrt(1.0 - std::pow(beta2, step)));
    s.epsilon = numberOf(info[8], "epsilon");
    const dense::FlushDenormals guard;
    dense::kernelsOf(isa_).adam(s);
    return info.Env().Undefined();
  }

  /// (target, source, tau)
  Napi::Value polyak(const Napi::CallbackInfo& info) {
    float* target = floatsOf(info[0], 0, "target");
    const auto count = static_cast<std::ptrdiff_t>(info[0].As<Napi::Float32Array>().ElementLength());
    const float* source = floatsOf(info[1], count, "source");
    const dense::FlushDenormals guard;
    dense::kernelsOf(isa_).polyak(target, source, count, numberOf(info[2], "tau"));
    return info.Env().Undefined();
  }

  dense::Isa isa_;
};

class DenseMlp : public Napi::ObjectWrap<DenseMlp> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "DenseMlp",
        {InstanceMethod<&DenseMlp::forward>("forward"), InstanceMethod<&DenseMlp::backward>("backward")});
  }

  /// (isa: string, sizes: number[], activations: string[])
  explicit DenseMlp(const Napi::CallbackInfo& info)
      : Napi::ObjectWrap<DenseMlp>(info), mlp_(guarded(info.Env(), [&] { return make(info); })) {}

 private:
  static std::unique_ptr<dense::Mlp> make(const Napi::CallbackInfo& info) {
    if (!info[1].IsArray() || !info[2].IsArray()) {
      throw argumentError(info.Env(), "sizes and activations have to be arrays");
    }
    const auto sizes = info[1].As<Napi::Array>();
    const auto activations = info[2].As<Napi::Array>();
    dense::MlpShape shape;
    for (std::uint32_t i = 0; i < sizes.Length(); ++i) shape.sizes.push_back(sizeOf(sizes.Get(i), "a layer's size"));
    for (std::uint32_t i = 0; i < activations.Length(); ++i) {
      shape.activations.push_back(dense::activationFrom(activations.Get(i).ToString().Utf8Value()));
    }
    return std::make_unique<dense::Mlp>(std::move(shape), isaOf(info[0]));
  }

  /// (parameters, inputs, rows, outputs)
  Napi::Value forward(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      const std::ptrdiff_t rows = sizeOf(info[2], "rows");
      const float* parameters = floatsOf(info[0], mlp_->shape().parameterCount(), "parameters");
      const float* inputs = floatsOf(info[1], rows * mlp_->shape().inputs(), "inputs");
      mlp_->forward(parameters, inputs, rows, floatsOf(info[3], rows * mlp_->shape().outputs(), "outputs"));
      return info.Env().Undefined();
    });
  }

  /// (parameters, outputGradients, parameterGradients | null, inputGradients | null)
  Napi::Value backward(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      const std::ptrdiff_t rows = mlp_->rows();
      const std::ptrdiff_t count = mlp_->shape().parameterCount();
      const float* parameters = floatsOf(info[0], count, "parameters");
      const float* outputGradients = floatsOf(info[1], rows * mlp_->shape().outputs(), "outputGradients");
      float* parameterGradients = floatsOrNull(info[2], count, "parameterGradients");
      float* inputGradients = floatsOrNull(info[3], rows * mlp_->shape().inputs(), "inputGradients");
      mlp_->backward(parameters, outputGradients, parameterGradients, inputGradients);
      return info.Env().Undefined();
    });
  }

  std::unique_ptr<dense::Mlp> mlp_;
};

}  // namespace

void registerDense(Napi::Env env, Napi::Object exports) {
  exports.Set("DenseKernels", DenseKernels::define(env));
  exports.Set("DenseMlp", DenseMlp::define(env));
  exports.Set("denseIsas", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                const std::vector<dense::Isa> here = dense::isasHere();
                Napi::Array names = Napi::Array::New(info.Env(), here.size());
                for (std::uint32_t i = 0; i < here.size(); ++i) {
                  names.Set(i, Napi::String::New(info.Env(), dense::nameOf(here[i])));
                }
                return names;
              }));
}

}  // namespace canopy::bindings
