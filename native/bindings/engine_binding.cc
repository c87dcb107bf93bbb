// Class Engine: a serving engine on this host. presetShape() and presetNames(): models it may serve. streamBandwidth():
// how fast threads read memory. src/native/engine-addon.ts has their types.
//
// The engine runs on a thread of its own, many steps per call: a step costs nothing in Node-API. While a call runs, the
// JavaScript thread may only cancel it.
#include <memory>
#include <string>
#include <utility>

#include "bindings/arguments.h"
#include "bindings/background_job.h"
#include "bindings/errors.h"
#include "bindings/register.h"
#include "common/error.h"
#include "common/host_cpu.h"
#include "cpu/stream_bandwidth.h"
#include "engine/closed_loop.h"
#include "engine/engine.h"
#include "engine/trace_replay.h"

namespace canopy::bindings {
namespace {

/// Rows that a call's log has room for before it grows.
constexpr std::size_t kRowsAtFirst = 1 << 14;

ModelShape shapeOf(const Napi::Object& object) {
  ModelShape shape;
  shape.name = textField(object, "name", "unnamed");
  shape.layers = intField(object, "layers", 1);
  shape.hidden = intField(object, "hidden", 1);
  shape.heads = intField(object, "heads", 1);
  shape.kvHeads = intField(object, "kvHeads", 1);
  shape.headDim = intField(object, "headDim", 1);
  shape.ffn = intField(object, "ffn", 1);
  shape.vocab = intField(object, "vocab", 2);
  shape.maxTokens = intField(object, "maxTokens", 1);
  shape.ropeTheta = static_cast<float>(numberField(object, "ropeTheta"));
  shape.normEpsilon = static_cast<float>(numberField(object, "normEpsilon"));
  shape.tensorParallel = intField(object, "tensorParallel", 1);
  const std::string weights = textField(object, "weights", "");
  if (weights != "bf16" && weights != "fp32") throw argumentError(object.Env(), "weights has to be bf16 or fp32");
  shape.weights = weights == "bf16" ? WeightType::bf16 : WeightType::fp32;
  const std::string problem = problemOf(shape);
  if (!problem.empty()) throw argumentError(object.Env(), problem);
  return shape;
}

Napi::Object toJs(Napi::Env env, const ModelShape& shape) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", shape.name);
  object.Set("layers", shape.layers);
  object.Set("hidden", shape.hidden);
  object.Set("heads", shape.heads);
  object.Set("kvHeads", shape.kvHeads);
  object.Set("headDim", shape.headDim);
  object.Set("ffn", shape.ffn);
  object.Set("vocab", shape.vocab);
  object.Set("maxTokens", shape.maxTokens);
  object.Set("ropeTheta", shape.ropeTheta);
  object.Set("normEpsilon", static_cast<double>(shape.normEpsilon));
  object.Set("tensorParallel", shape.tensorParallel);
  object.Set("weights", shape.weights == WeightType::bf16 ? "bf16" : "fp32");
  object.Set("parameters", static_cast<double>(shape.parameterCount()));
  object.Set("weightBytes", static_cast<double>(shape.weightBytes()));
  object.Set("kvBytesPerToken", static_cast<double>(shape.kvBytesPerToken()));
  return object;
}

Napi::Value toJs(Napi::Env env, const StepLog& log, Ended ended) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("ended", ended == Ended::drained ? "drained" : ended == Ended::limit ? "limit" : "cancelled");
  object.Set("originSeconds", static_cast<double>(log.originNs) * 1e-9);
  object.Set("startNs", typedArray<double>(env, log.startNs));
  object.Set("endNs", typedArray<double>(env, log.endNs));
  object.Set("prefillTokens", typedArray<std::int32_t>(env, log.prefillTokens));
  object.Set("decodeSequences", typedArray<std::int32_t>(env, log.decodeSequences));
  object.Set("contextTokens", typedArray<std::int32_t>(env, log.contextTokens));
  object.Set("freeBlocks", typedArray<std::int32_t>(env, log.freeBlocks));
  object.Set("deviceMs", typedArray<double>(env, log.deviceMs));
  object.Set("steady", typedArray<std::uint8_t>(env, log.steady));
  object.Set("eventStep", typedArray<std::int32_t>(env, log.eventStep));
  object.Set("eventKind", typedArray<std::uint8_t>(env, log.eventKind));
  object.Set("eventRequest", typedArray<std::int32_t>(env, log.eventRequest));
  object.Set("eventTokens", typedArray<std::int32_t>(env, log.eventTokens));
  return object;
}

/// What the object and the job under way share: either may go first.
struct EngineState {
  ModelShape shape;
  SchedulerOptions scheduler;
  std::string backend;
  CpuOptions cpu;
  CudaOptions cuda;
  std::unique_ptr<Engine> engine;  ///< set on the JavaScript thread alone, which reads it while a job runs

  std::unique_ptr<Engine> load() const {
    const BackendLimits limits{.blocks = scheduler.blocks,
                               .blockTokens = scheduler.blockTokens,
                               .maxTokens = scheduler.tokenBudget,
                               .maxSequences = scheduler.maxRequests};
    std::unique_ptr<Backend> made =
        backend == "cuda" ? makeCudaBackend(shape, limits, cuda) : makeCpuBackend(shape, limits, cpu);
    return std::make_unique<Engine>(shape, scheduler, std::move(made));
  }
};

class EngineObject : public Napi::ObjectWrap<EngineObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "Engine",
        {InstanceMethod<&EngineObject::load>("load"), InstanceMethod<&EngineObject::describe>("describe"),
         InstanceMethod<&EngineObject::beginClosedLoop>("beginClosedLoop"),
         InstanceMethod<&EngineObject::beginTrace>("beginTrace"), InstanceMethod<&EngineObject::advance>("advance"),
         InstanceMethod<&EngineObject::requestTimes>("requestTimes"), InstanceMethod<&EngineObject::cancel>("cancel"),
         InstanceMethod<&EngineObject::close>("close")});
  }

  explicit EngineObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EngineObject>(info) {
    guarded(info.Env(), [&] {
      const Napi::Object options = objectArgument(info);
      if (!options.Get("shape").IsObject()) throw argumentError(info.Env(), "shape has to be an object");
      state_->shape = shapeOf(options.Get("shape").As<Napi::Object>());
      state_->scheduler = {.blocks = intField(options, "blocks", 1),
                           .blockTokens = intField(options, "blockTokens", 1),
                           .tokenBudget = intField(options, "tokenBudget", 1),
                           .maxRequests = intField(options, "maxRequests", 1)};
      state_->backend = textField(options, "backend", "cpu");
      if (state_->backend != "cpu" && state_->backend != "cuda") {
        throw argumentError(info.Env(), "backend has to be cpu or cuda");
      }
      state_->cpu = {.threads = intField(options, "threads", 0, 0), .isa = textField(options, "isa", "auto")};
      state_->cuda = {.device = intField(options, "device", 0, 0), .graphs = flagField(options, "graphs", true)};
    });
  }

 private:
  /// Runs `work` off this thread and keeps other calls out meanwhile.
  Napi::Value background(Napi::Env env, std::function<void()> work, std::function<Napi::Value(Napi::Env)> result) {
    busy_ = true;
    Ref();
    const std::shared_ptr<EngineState> state = state_;
    return runInBackground(env, {.work = std::move(work),
                                 .result = std::move(result),
                                 .ended =
                                     [this] {
                                       busy_ = false;
                                       Unref();
                                     },
                                 .cancel =
                                     [state] {
                                       if (state->engine) state->engine->cancel();
                                     }});
  }

  void requireIdle(Napi::Env env) const {
    if (busy_) throw argumentError(env, "the engine is at work: await the call before this one, or cancel it");
  }

  Engine& requireEngine(Napi::Env env) const {
    requireIdle(env);
    if (!state_->engine) throw argumentError(env, "the engine is not loaded: await load() first");
    return *state_->engine;
  }

  Napi::Value load(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      requireIdle(info.Env());
      if (state_->engine) throw argumentError(info.Env(), "the engine is loaded already");
      const std::shared_ptr<EngineState> state = state_;
      const auto loaded = std::make_shared<std::unique_ptr<Engine>>();
      return background(
          info.Env(), [state, loaded] { *loaded = state->load(); },
          [state, loaded](Napi::Env env) {
            state->engine = std::move(*loaded);
            return env.Undefined();
          });
    });
  }

  Napi::Value describe(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      Napi::Object object = Napi::Object::New(info.Env());
      for (const auto& [key, value] : requireEngine(info.Env()).backend().describe()) object.Set(key, value);
      return object;
    });
  }

  Napi::Value beginClosedLoop(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      Engine& engine = requireEngine(info.Env());
      const Napi::Object options = objectArgument(info);
      const ClosedLoopOptions loop{
          .batch = intField(options, "batch", 1),
          .promptTokens = intField(options, "promptTokens", 1),
          .outputTokens = intField(options, "outputTokens", 1),
          .contextInCache = flagField(options, "contextInCache", false),
          .seed = static_cast<std::uint64_t>(intField(options, "seed", 0, 1)),
      };
      engine.begin(
          std::make_shared<ClosedLoop>(loop, engine.scheduler(), engine.shape().vocab, engine.shape().maxTokens));
      trace_.reset();
      return info.Env().Undefined();
    });
  }

  Napi::Value beginTrace(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      Engine& engine = requireEngine(info.Env());
      const Napi::Object options = objectArgument(info);
      Trace trace;
      for (const double ns : columnField<double>(options, "arrivalNs", napi_float64_array, "Float64Array")) {
        // Written so that a NaN is refused.
        if (!(ns >= 0.0 && ns <= 9e15) || ns != std::floor(ns)) {
          throw argumentError(info.Env(), "arrivalNs has to hold whole numbers of 0 to 9e15");
        }
        trace.arrivalNs.push_back(static_cast<std::int64_t>(ns));
      }
      trace.promptTokens = columnField<std::int32_t>(options, "promptTokens", napi_int32_array, "Int32Array");
      trace.outputTokens = columnField<std::int32_t>(options, "outputTokens", napi_int32_array, "Int32Array");
      auto replay = std::make_shared<TraceReplay>(std::move(trace), engine.scheduler(), engine.shape().vocab,
                                                  engine.shape().maxTokens);
      engine.begin(replay);
      trace_ = std::move(replay);
      return info.Env().Undefined();
    });
  }

  Napi::Value advance(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      Engine& engine = requireEngine(info.Env());
      const Napi::Object options = objectArgument(info);
      constexpr std::int64_t most = std::int64_t{1} << 53;
      AdvanceLimits limits;
      limits.steps = static_cast<std::size_t>(integerField(options, "steps", 1, most, &most));
      if (!options.Get("seconds").IsUndefined()) {
        limits.seconds = numberField(options, "seconds");
        if (!(limits.seconds > 0.0 && limits.seconds < 1e9)) {
          throw argumentError(info.Env(), "seconds has to be above 0");
        }
      }
      engine.uncancel();
      struct Outcome {
        StepLog log;
        Ended ended = Ended::cancelled;
      };
      const auto outcome = std::make_shared<Outcome>();
      const std::shared_ptr<EngineState> state = state_;
      return background(
          info.Env(),
          [state, outcome, limits] {
            outcome->log.reserve(std::min(limits.steps, kRowsAtFirst));
            outcome->ended = state->engine->advance(limits, outcome->log);
          },
          [outcome](Napi::Env env) { return toJs(env, outcome->log, outcome->ended); });
    });
  }

  Napi::Value requestTimes(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      requireIdle(info.Env());
      if (!trace_) throw argumentError(info.Env(), "the engine serves no trace: only a trace has times of requests");
      const RequestTimes& times = trace_->times();
      Napi::Object object = Napi::Object::New(info.Env());
      object.Set("firstTokenNs", typedArray<double>(info.Env(), times.firstTokenNs));
      object.Set("finishNs", typedArray<double>(info.Env(), times.finishNs));
      object.Set("preemptions", typedArray<std::int32_t>(info.Env(), times.preemptions));
      return object;
    });
  }

  Napi::Value cancel(const Napi::CallbackInfo& info) {
    if (busy_ && state_->engine) state_->engine->cancel();
    return info.Env().Undefined();
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    return guarded(info.Env(), [&]() -> Napi::Value {
      requireIdle(info.Env());
      trace_.reset();
      state_->engine.reset();
      return info.Env().Undefined();
    });
  }

  std::shared_ptr<EngineState> state_ = std::make_shared<EngineState>();
  std::shared_ptr<TraceReplay> trace_;
  bool busy_ = false;
};

Napi::Value presetShapeOf(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    if (!info[0].IsString()) throw argumentError(info.Env(), "expected the name of a model shape");
    int tensorParallel = 1;
    if (!info[1].IsUndefined()) {
      if (!info[1].IsNumber()) throw argumentError(info.Env(), "tensorParallel has to be a number");
      tensorParallel = info[1].As<Napi::Number>().Int32Value();
    }
    return toJs(info.Env(), presetShape(info[0].As<Napi::String>().Utf8Value(), tensorParallel));
  });
}

Napi::Value presetShapeNames(const Napi::CallbackInfo& info) {
  const std::vector<std::string> names = presetNames();
  const auto array = Napi::Array::New(info.Env(), names.size());
  for (std::size_t i = 0; i < names.size(); ++i) array.Set(static_cast<std::uint32_t>(i), names[i]);
  return array;
}

Napi::Value streamBandwidthOf(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const Napi::Object options = objectArgument(info);
    constexpr std::int64_t mostBytes = std::int64_t{1} << 40;
    const int threads = intField(options, "threads", 0, 0);
    const std::int64_t bytes = integerField(options, "bytes", 1 << 20, mostBytes);
    const int passes = intField(options, "passes", 1, 5);
    const dense::Isa isa = dense::chooseIsa(textField(options, "isa", "auto"));
    const auto measured = std::make_shared<double>(0.0);
    return runInBackground(
        info.Env(), {.work =
                         [=] {
                           *measured = cpu::streamBandwidth(threads == 0 ? hostCpu().defaultThreads() : threads,
                                                            static_cast<std::size_t>(bytes), passes, isa);
                         },
                     .result = [measured](Napi::Env env) -> Napi::Value { return Napi::Number::New(env, *measured); },
                     .ended = {},
                     .cancel = {}});
  });
}

}  // namespace

void registerEngine(Napi::Env env, Napi::Object exports) {
  exports.Set("Engine", EngineObject::define(env));
  exports.Set("presetShape", Napi::Function::New(env, presetShapeOf));
  exports.Set("presetShapeNames", Napi::Function::New(env, presetShapeNames));
  exports.Set("streamBandwidth", Napi::Function::New(env, streamBandwidthOf));
}

}  // namespace canopy::bindings
