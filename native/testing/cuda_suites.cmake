# Suites of cuda/: its very sources compiled for this processor against cuda_emulation.h, and, where nvcc is, the same
# cases for a GPU.
add_library(cuda_emulated STATIC
  ../cuda/ops.cu ../cuda/gemm.cu ../cuda/attention.cu ../cuda/products.cc ../cuda/step_layout.cc
  ../cuda/cuda_backend.cc ../cuda/device_state.cc kernel_cases.cc)
# In this folder alone: in ../cuda the same files are CUDA.
set_source_files_properties(../cuda/ops.cu ../cuda/gemm.cu ../cuda/attention.cu PROPERTIES LANGUAGE CXX)
target_compile_definitions(cuda_emulated PUBLIC CANOPY_CUDA_EMULATION)
# Kernels read four values as one vector. -O2 whatever the build: emulated tensor cores are slow enough.
target_compile_options(cuda_emulated PUBLIC -fno-strict-aliasing PRIVATE -O2)
target_link_libraries(cuda_emulated PUBLIC check)

function(emulated_test name)
  canopy_test(${name} ${ARGN})
  target_link_libraries(${name} PRIVATE cuda_emulated)
  set_tests_properties(${name} PROPERTIES TIMEOUT 900) # minutes with AddressSanitizer
endfunction()

emulated_test(cuda_emulation_test cuda_emulation_test.cc)
emulated_test(kernels_emulated kernels_test.cc)
emulated_test(cuda_backend_emulated cuda_backend_test.cc served_steps.cc)
emulated_test(cuda_serving_emulated cuda_serving_test.cc served_steps.cc reference_transformer.cc)

if(CANOPY_HAS_CUDA)
  canopy_test(kernels_on_device kernels_test.cc kernel_cases.cc)
  canopy_test(cuda_serving_on_device cuda_serving_test.cc served_steps.cc reference_transformer.cc)

  add_executable(cuda_static_gate cuda_static_gate.cc)
  target_link_libraries(cuda_static_gate PRIVATE canopy_flags)
  target_include_directories(cuda_static_gate SYSTEM PRIVATE ${CMAKE_CUDA_TOOLKIT_INCLUDE_DIRECTORIES})
  add_test(NAME cuda_static_gate COMMAND cuda_static_gate ${CMAKE_CUDA_COMPILER} ${CMAKE_SOURCE_DIR}
    ${CMAKE_CURRENT_SOURCE_DIR}/cuda_budgets.txt ${CMAKE_CURRENT_BINARY_DIR})
  set_tests_properties(cuda_static_gate PROPERTIES TIMEOUT 600)
else()
  add_test(NAME cuda_static_gate COMMAND ${CMAKE_COMMAND} -E echo "skipped: no nvcc in this build")
  set_tests_properties(cuda_static_gate PROPERTIES SKIP_REGULAR_EXPRESSION "skipped: no nvcc")
endif()
