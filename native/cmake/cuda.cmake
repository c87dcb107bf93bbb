# Sets CANOPY_HAS_CUDA and, where it is on, enables the language CUDA. Not option(): that is boolean, and AUTO became OFF.
set(CANOPY_HAS_CUDA OFF)
if(NOT CANOPY_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 80-real 90) # A100; H100, and PTX of it for what comes later
    endif()
    # One addon runs with and without a driver.
    set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
    enable_language(CUDA)
    if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      # nvcc knows it since 12.0, CMake only since 3.25.2.
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    endif()
    set(CMAKE_CUDA_STANDARD 20)
    set(CMAKE_CUDA_STANDARD_REQUIRED ON)
    set(CANOPY_HAS_CUDA ON)
  elseif(CANOPY_CUDA STREQUAL "ON")
    message(FATAL_ERROR "CANOPY_CUDA=ON, but no CUDA compiler was found: put nvcc in PATH or set CUDACXX")
  endif()
endif()
