# Every outside library, found once, for the build here and, installed beside gptkit-config.cmake,
# for the projects that use gptkit (GPTKIT_CONSUMER). third_party/setup.sh installs them all.

# gptkit_mend(SENTENCE): a library is missing. A macro: in a consumer it leaves this file, and
# find_package(gptkit) reports the sentence.
macro(gptkit_mend sentence)
  set(gptkit_NOT_FOUND_MESSAGE "${sentence}")
  if(GPTKIT_CONSUMER)
    set(gptkit_FOUND FALSE)
    return()
  endif()
  message(FATAL_ERROR "gptkit: ${gptkit_NOT_FOUND_MESSAGE}")
endmacro()
macro(gptkit_mend_package name packages)
  gptkit_mend("${name} was not found. Run 'bash third_party/setup.sh', or on Debian and Ubuntu 'apt-get install ${packages}'.")
endmacro()

find_package(Threads REQUIRED)
find_package(OpenSSL QUIET COMPONENTS Crypto)
if(NOT OpenSSL_FOUND AND NOT OPENSSL_FOUND)
  gptkit_mend_package(OpenSSL libssl-dev)
endif()
find_package(nlohmann_json 3.9 QUIET)
if(NOT nlohmann_json_FOUND)
  gptkit_mend_package(nlohmann-json nlohmann-json3-dev)
endif()
find_package(yaml-cpp QUIET)
if(NOT yaml-cpp_FOUND)
  gptkit_mend_package(yaml-cpp libyaml-cpp-dev)
endif()
if(NOT TARGET yaml-cpp::yaml-cpp)  # yaml-cpp before 0.8 exports the bare name
  add_library(yaml-cpp::yaml-cpp INTERFACE IMPORTED)
  target_link_libraries(yaml-cpp::yaml-cpp INTERFACE yaml-cpp)
endif()

find_path(SENTENCEPIECE_INCLUDE_DIR sentencepiece_processor.h)
find_library(SENTENCEPIECE_LIBRARY sentencepiece)
find_library(SENTENCEPIECE_TRAIN_LIBRARY sentencepiece_train)
if(NOT SENTENCEPIECE_INCLUDE_DIR OR NOT SENTENCEPIECE_LIBRARY OR NOT SENTENCEPIECE_TRAIN_LIBRARY)
  gptkit_mend_package(sentencepiece libsentencepiece-dev)
endif()
if(NOT TARGET gptkit::sentencepiece_library)
  add_library(gptkit::sentencepiece_library INTERFACE IMPORTED)
  target_include_directories(gptkit::sentencepiece_library SYSTEM INTERFACE ${SENTENCEPIECE_INCLUDE_DIR})
  target_link_libraries(gptkit::sentencepiece_library INTERFACE ${SENTENCEPIECE_TRAIN_LIBRARY}
                        ${SENTENCEPIECE_LIBRARY})
endif()

if(GPTKIT_TORCH)
  # LibTorch's CMake files ask for kineto, a static library that its packages do not carry, and warn.
  # Our targets link the target `torch`, so whatever answers here is not linked.
  set(kineto_LIBRARY torch CACHE INTERNAL "")
  find_package(Torch 2.9 QUIET)  # named by the user: Torch_DIR, CMAKE_PREFIX_PATH
  if(NOT Torch_FOUND)            # what setup.sh found or unpacked
    if(DEFINED ENV{GPTKIT_HOME})
      set(gptkit_home $ENV{GPTKIT_HOME})
    elseif(DEFINED ENV{XDG_CACHE_HOME})
      set(gptkit_home $ENV{XDG_CACHE_HOME}/gptkit)
    else()
      set(gptkit_home $ENV{HOME}/.cache/gptkit)
    endif()
    if(EXISTS ${gptkit_home}/torch-prefix)
      file(STRINGS ${gptkit_home}/torch-prefix gptkit_torch_prefix LIMIT_COUNT 1)
      list(APPEND CMAKE_PREFIX_PATH ${gptkit_torch_prefix})
      find_package(Torch 2.9 QUIET)
    endif()
  endif()
  if(NOT Torch_FOUND)
    gptkit_mend("LibTorch was not found. Run 'bash third_party/setup.sh', or name one with \
-DTorch_DIR=.../share/cmake/Torch. Without it -DGPTKIT_TORCH=OFF builds the tokenizer alone.")
  endif()

  # at::parallel_for runs on one thread in code that is compiled without OpenMP. LibTorch's copy of
  # the runtime is linked where it brings one: two in a process would each start their own threads.
  find_package(OpenMP QUIET COMPONENTS CXX)
  if(NOT OpenMP_CXX_FOUND)
    gptkit_mend_package("OpenMP" "g++ (for clang: libomp-dev)")
  endif()
  if(NOT TARGET gptkit::openmp)
    separate_arguments(gptkit_openmp_flags UNIX_COMMAND "${OpenMP_CXX_FLAGS}")
    file(GLOB gptkit_openmp_runtime "${TORCH_INSTALL_PREFIX}/lib/libgomp*.so*")
    if(NOT CMAKE_CXX_COMPILER_ID STREQUAL GNU OR NOT gptkit_openmp_runtime)
      set(gptkit_openmp_runtime ${OpenMP_CXX_LIBRARIES})
    endif()
    add_library(gptkit::openmp INTERFACE IMPORTED)
    set_target_properties(gptkit::openmp PROPERTIES
      INTERFACE_COMPILE_OPTIONS "${gptkit_openmp_flags}" INTERFACE_LINK_LIBRARIES "${gptkit_openmp_runtime}")
  endif()
endif()

if(GPTKIT_TORCH AND NOT GPTKIT_CONSUMER)
  # Headers alone, which LibTorch's own ask for; the code is inside LibTorch.
  find_path(GLOO_INCLUDE_DIR gloo/rendezvous/store.h)
  if(NOT GLOO_INCLUDE_DIR)
    gptkit_mend_package("gloo's headers" libgloo-dev)
  endif()
endif()
if(NOT GPTKIT_CONSUMER)
  find_package(CLI11 QUIET)
  if(NOT CLI11_FOUND)
    gptkit_mend_package(CLI11 libcli11-dev)
  endif()
  if(GPTKIT_TESTS)
    find_package(GTest QUIET)
    if(NOT GTest_FOUND)
      gptkit_mend_package(GoogleTest "libgtest-dev libgmock-dev")
    endif()
    find_package(rapidcheck QUIET)  # its targets: rapidcheck_gtest, with <rapidcheck/gtest.h>
    if(NOT rapidcheck_FOUND)
      gptkit_mend_package(RapidCheck librapidcheck-dev)
    endif()
  endif()
endif()
