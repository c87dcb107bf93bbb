# Writes common/build_record.h into the build folder.
string(TOUPPER "${CMAKE_BUILD_TYPE}" canopy_build_type)
string(STRIP "-std=c++${CMAKE_CXX_STANDARD} ${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${canopy_build_type}}"
  CANOPY_RECORDED_FLAGS)
if(CANOPY_SANITIZE)
  string(APPEND CANOPY_RECORDED_FLAGS " -fsanitize=${CANOPY_SANITIZE}")
endif()
string(REGEX REPLACE " +" " " CANOPY_RECORDED_FLAGS "${CANOPY_RECORDED_FLAGS}")

set(CANOPY_RECORDED_ARCHITECTURES "")
if(CANOPY_HAS_CUDA)
  string(REPLACE ";" " " CANOPY_RECORDED_ARCHITECTURES "${CMAKE_CUDA_ARCHITECTURES}")
else()
  unset(CMAKE_CUDA_COMPILER_VERSION)
endif()

# The commit, with "-dirty" where native/ differs from it. Only through native/build.cjs, which configures before every
# build: in a build by hand the commit would be that of the first configuration. Not inside another's repository either,
# where an installed package lies.
set(CANOPY_COMMIT "")
if(CMAKE_JS_VERSION)
  execute_process(COMMAND git ls-files --error-unmatch CMakeLists.txt WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
    RESULT_VARIABLE canopy_untracked OUTPUT_QUIET ERROR_QUIET)
  if(canopy_untracked EQUAL 0)
    execute_process(COMMAND git rev-parse --short=12 HEAD WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
      OUTPUT_VARIABLE CANOPY_COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    execute_process(COMMAND git status --porcelain -- . WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}
      OUTPUT_VARIABLE canopy_changes ERROR_QUIET)
    if(CANOPY_COMMIT AND canopy_changes)
      string(APPEND CANOPY_COMMIT "-dirty")
    endif()
  endif()
endif()
configure_file(common/build_record.h.in ${CMAKE_BINARY_DIR}/generated/common/build_record.h @ONLY)
