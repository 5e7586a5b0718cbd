# gptkit::torch: LibTorch, its headers as system headers, precompiled once for all folders that use
# it (they cost ten seconds and more per file otherwise).
add_library(gptkit_torch INTERFACE)
add_library(gptkit::torch ALIAS gptkit_torch)
set_target_properties(gptkit_torch PROPERTIES EXPORT_NAME torch)
target_link_libraries(gptkit_torch INTERFACE torch gptkit::openmp)
set_property(GLOBAL APPEND PROPERTY GPTKIT_LIBRARIES gptkit_torch)

file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/torch_headers.cpp "// Carries the precompiled header.\n")
add_library(gptkit_torch_headers OBJECT ${CMAKE_CURRENT_BINARY_DIR}/torch_headers.cpp)
target_link_libraries(gptkit_torch_headers PRIVATE gptkit_options gptkit_torch)
target_compile_features(gptkit_torch_headers PUBLIC cxx_std_20)
set_target_properties(gptkit_torch_headers PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_precompile_headers(gptkit_torch_headers PRIVATE
  <torch/types.h> <torch/nn/module.h> <torch/nn/init.h> <torch/nn/pimpl.h>
  <torch/nn/modules/container/modulelist.h> <torch/nn/modules/normalization.h>)

function(gptkit_use_torch_headers target)
  if(NOT GPTKIT_SANITIZE)
    target_precompile_headers(${target} REUSE_FROM gptkit_torch_headers)
  endif()
endfunction()

# The same for a program: executables are compiled with -fPIE, the header with -fPIC.
function(gptkit_use_torch_headers_in_program target)
  if(NOT GPTKIT_SANITIZE)
    target_compile_options(${target} PRIVATE -fPIC)
    target_precompile_headers(${target} REUSE_FROM gptkit_torch_headers)
  endif()
endfunction()
