// CUDA's runtime on a CPU: the calls that native/cuda uses, same names, same types, stricter than a device.
//
// - Work on a stream is a closure that runs when the stream or an event is waited for, not before: a result read, or a
//   buffer filled again, too early shows.
// - New memory is filled with 0xff (NaN), and its surroundings are checked when it is given back.
// - Calls that end a capture on a device fail in one here too.
// - Every call can be made to fail (failCall), and every live handle is counted: error paths are tests, not hopes.
//
// State belongs to the thread that uses it. Not for programs: suites only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#define CANOPY_EMULATION_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CANOPY_EMULATION_ASAN 1
#endif
#endif
#if !defined(CANOPY_EMULATION_ASAN)
#define CANOPY_EMULATION_ASAN 0
#endif

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned ax = 1, unsigned ay = 1, unsigned az = 1) : x(ax), y(ay), z(az) {}
};

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInsufficientDriver = 35,
  cudaErrorInvalidDevice = 101,
  cudaErrorStreamCaptureUnsupported = 900,
};

namespace canopy::emulation {

using Work = std::function<void()>;

struct GraphState {
  std::vector<Work> nodes;
};

struct StreamState {
  std::deque<Work> queue;
  GraphState* capture = nullptr;
};

struct EventState {
  StreamState* stream = nullptr;  ///< whose queue still holds it
  bool recorded = false;
  std::chrono::steady_clock::time_point time;
};

struct RuntimeState {
  int liveHandles = 0;  ///< streams, events, graphs, memory that were made and not given back
  int calls = 0;        ///< calls that can fail, so far
  int failCall = 0;     ///< the number of the call that fails, from 1; 0 for none
  cudaError_t lastError = cudaSuccess;
  int graphLaunches = 0;
  int capturing = 0;  ///< streams in a capture
  std::size_t freeBytes = std::size_t{4} << 30;
  std::map<void*, std::size_t> memory;      ///< given out: pointer and size
  std::map<const void*, int> sharedLimits;  ///< cudaFuncSetAttribute, by kernel
  std::string violation;                    ///< first write outside an allocation, found as it was given back
};

inline RuntimeState& runtime() {
  static thread_local RuntimeState state;
  return state;
}

inline constexpr std::size_t canaryBytes = CANOPY_EMULATION_ASAN ? 0 : 256;
inline constexpr unsigned char canary = 0xa5;

/// Every failed call is on record until cudaGetLastError, where the next launch would find it.
inline cudaError_t failed(cudaError_t error) {
  if (error != cudaSuccess) runtime().lastError = error;
  return error;
}

inline cudaError_t status(cudaError_t wanted = cudaSuccess) {
  RuntimeState& state = runtime();
  if (++state.calls == state.failCall) wanted = cudaErrorMemoryAllocation;
  return failed(wanted);
}

inline cudaError_t forbiddenInCapture() {
  return runtime().capturing > 0 ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

inline cudaError_t allocate(void** pointer, std::size_t bytes) {
  if (const cudaError_t error = status(forbiddenInCapture()); error != cudaSuccess) return error;
  if (bytes > runtime().freeBytes) return failed(cudaErrorMemoryAllocation);
  auto* raw = static_cast<unsigned char*>(std::aligned_alloc(256, (bytes + 2 * canaryBytes + 255) / 256 * 256));
#if CANOPY_EMULATION_ASAN
  // aligned_alloc wants whole multiples; ASan would then miss a write just behind the end.
  std::free(raw);
  if (posix_memalign(reinterpret_cast<void**>(&raw), 256, bytes) != 0) return cudaErrorMemoryAllocation;
#else
  std::memset(raw, canary, canaryBytes);
  std::memset(raw + canaryBytes + bytes, canary, canaryBytes);
#endif
  std::memset(raw + canaryBytes, 0xff, bytes);
  *pointer = raw + canaryBytes;
  runtime().memory[*pointer] = bytes;
  runtime().freeBytes -= bytes;
  ++runtime().liveHandles;
  return cudaSuccess;
}

inline cudaError_t release(void* pointer) {
  RuntimeState& state = runtime();
  const auto found = state.memory.find(pointer);
  if (found == state.memory.end()) return failed(cudaErrorInvalidValue);
  auto* bytes = static_cast<unsigned char*>(pointer);
  for (std::size_t i = 0; i < canaryBytes; ++i) {
    if (bytes[found->second + i] != canary || bytes[-1 - static_cast<std::ptrdiff_t>(i)] != canary) {
      if (state.violation.empty()) {
        state.violation = "a kernel wrote outside an allocation of " + std::to_string(found->second) + " bytes";
      }
      break;
    }
  }
  state.freeBytes += found->second;
  state.memory.erase(found);
  std::free(bytes - canaryBytes);
  --state.liveHandles;
  return cudaSuccess;
}

/// Puts work on a stream, into its capture, or (no stream) does it at once.
inline void enqueue(StreamState* stream, Work work) {
  if (stream == nullptr) {
    work();
  } else if (stream->capture != nullptr) {
    stream->capture->nodes.push_back(std::move(work));
  } else {
    stream->queue.push_back(std::move(work));
  }
}

inline void drain(StreamState* stream) {
  while (stream != nullptr && !stream->queue.empty()) {
    const Work work = std::move(stream->queue.front());
    stream->queue.pop_front();
    work();
  }
}

}  // namespace canopy::emulation

using cudaStream_t = canopy::emulation::StreamState*;
using cudaEvent_t = canopy::emulation::EventState*;
using cudaGraph_t = canopy::emulation::GraphState*;
struct EmulatedGraphExec {
  std::vector<canopy::emulation::Work> nodes;
};
using cudaGraphExec_t = EmulatedGraphExec*;

enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
inline constexpr unsigned cudaStreamNonBlocking = 1;

struct cudaUUID_t {
  char bytes[16];
};
struct cudaDeviceProp {
  char name[256];
  cudaUUID_t uuid;
  int major, minor, multiProcessorCount;
  std::size_t totalGlobalMem, sharedMemPerBlockOptin;
};

inline const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInvalidConfiguration:
      return "cudaErrorInvalidConfiguration";
    case cudaErrorInsufficientDriver:
      return "cudaErrorInsufficientDriver";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorStreamCaptureUnsupported:
      return "cudaErrorStreamCaptureUnsupported";
  }
  return "cudaErrorUnknown";
}
inline const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorMemoryAllocation ? "out of memory" : "emulated error";
}
inline cudaError_t cudaGetLastError() { return std::exchange(canopy::emulation::runtime().lastError, cudaSuccess); }

inline cudaError_t cudaMalloc(void** pointer, std::size_t bytes) { return canopy::emulation::allocate(pointer, bytes); }
inline cudaError_t cudaFree(void* pointer) { return canopy::emulation::release(pointer); }
inline cudaError_t cudaMallocHost(void** pointer, std::size_t bytes) {
  return canopy::emulation::allocate(pointer, bytes);
}
inline cudaError_t cudaFreeHost(void* pointer) { return canopy::emulation::release(pointer); }

inline cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = canopy::emulation::runtime().freeBytes;
  *total = std::size_t{4} << 30;
  return canopy::emulation::status();
}

inline cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind, cudaStream_t stream) {
  if (const cudaError_t error = canopy::emulation::status(); error != cudaSuccess) return error;
  canopy::emulation::enqueue(stream, [=] { std::memcpy(to, from, bytes); });
  return cudaSuccess;
}
inline cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  if (const cudaError_t error = canopy::emulation::status(); error != cudaSuccess) return error;
  canopy::emulation::enqueue(stream, [=] { std::memset(to, value, bytes); });
  return cudaSuccess;
}

inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  if (const cudaError_t error = canopy::emulation::status(canopy::emulation::forbiddenInCapture());
      error != cudaSuccess) {
    return error;
  }
  *stream = new canopy::emulation::StreamState;
  ++canopy::emulation::runtime().liveHandles;
  return cudaSuccess;
}
inline cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  if (stream->capture != nullptr) {
    delete stream->capture;
    --canopy::emulation::runtime().capturing;
  }
  delete stream;
  --canopy::emulation::runtime().liveHandles;
  return cudaSuccess;
}
inline cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (const cudaError_t error = canopy::emulation::status(canopy::emulation::forbiddenInCapture());
      error != cudaSuccess) {
    return error;
  }
  canopy::emulation::drain(stream);
  return cudaSuccess;
}
inline cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (const cudaError_t error = canopy::emulation::status(); error != cudaSuccess) return error;
  if (stream->capture != nullptr) return canopy::emulation::failed(cudaErrorStreamCaptureUnsupported);
  stream->capture = new canopy::emulation::GraphState;
  ++canopy::emulation::runtime().capturing;
  return cudaSuccess;
}
inline cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (stream->capture == nullptr) return canopy::emulation::failed(cudaErrorStreamCaptureUnsupported);
  --canopy::emulation::runtime().capturing;
  *graph = std::exchange(stream->capture, nullptr);
  if (const cudaError_t error = canopy::emulation::status(); error != cudaSuccess) {
    delete std::exchange(*graph, nullptr);
    return error;
  }
  ++canopy::emulation::runtime().liveHandles;
  return cudaSuccess;
}
inline cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  if (const cudaError_t error = canopy::emulation::status(); error != cudaSuccess) return error;
  *exec = new EmulatedGraphExec{graph->nodes};
  ++canopy::emulation::runtime().liveHandles;
  return cudaSuccess;
}
inline cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  --canopy::emulation::runtime().liveHandles;
  return cudaSuccess;
}
inline cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  --canopy::emulation::runtime().liveHandles;
  return cudaSuccess;
}
inline cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) {
  return canopy::emulation::status(canopy::emulation::forbiddenInCapture());
}
inline cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  if (const cudaError_t error = canopy::emulation::status(); error != cudaSuccess) return error;
  ++canopy::emulation::runtime().graphLaunches;
  for (const auto& node : exec->nodes) canopy::emulation::enqueue(stream, node);
  return cudaSuccess;
}

inline cudaError_t cudaEventCreate(cudaEvent_t* event) {
  if (const cudaError_t error = canopy::emulation::status(); error != cudaSuccess) return error;
  *event = new canopy::emulation::EventState;
  ++canopy::emulation::runtime().liveHandles;
  return cudaSuccess;
}
inline cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  --canopy::emulation::runtime().liveHandles;
  return cudaSuccess;
}
inline cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (const cudaError_t error = canopy::emulation::status(); error != cudaSuccess) return error;
  event->recorded = false;
  event->stream = stream;
  canopy::emulation::enqueue(stream, [event] {
    event->recorded = true;
    event->time = std::chrono::steady_clock::now();
  });
  return cudaSuccess;
}
inline cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (const cudaError_t error = canopy::emulation::status(canopy::emulation::forbiddenInCapture());
      error != cudaSuccess) {
    return error;
  }
  if (event->stream != nullptr) canopy::emulation::drain(event->stream);
  return cudaSuccess;
}
inline cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t end) {
  if (!start->recorded || !end->recorded) return canopy::emulation::status(cudaErrorInvalidValue);
  *milliseconds = std::chrono::duration<float, std::milli>(end->time - start->time).count();
  return canopy::emulation::status();
}

inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return canopy::emulation::status();
}
inline cudaError_t cudaSetDevice(int device) {
  return canopy::emulation::status(device == 0 ? cudaSuccess : cudaErrorInvalidDevice);
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "emulated device");
  for (int i = 0; i < 16; ++i) properties->uuid.bytes[i] = static_cast<char>(0x11 * i);
  properties->major = 8;
  properties->multiProcessorCount = 4;
  properties->totalGlobalMem = std::size_t{4} << 30;
  properties->sharedMemPerBlockOptin = 163 * 1024;
  return canopy::emulation::status();
}
inline cudaError_t cudaDeviceGetPCIBusId(char* text, int length, int) {
  std::snprintf(text, static_cast<std::size_t>(length), "0000:00:00.0");
  return canopy::emulation::status();
}
inline cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return canopy::emulation::status();
}
inline cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = 13000;
  return canopy::emulation::status();
}
inline cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute, int value) {
  if (value > 163 * 1024) return canopy::emulation::status(cudaErrorInvalidValue);  // an A100's limit
  canopy::emulation::runtime().sharedLimits[kernel] = value;
  return canopy::emulation::status();
}
