#pragma once

#include <filesystem>
#include <system_error>

namespace gptkit {

/// Removes a file, or a folder with all it holds; links are removed, not followed. Nothing there is
/// no error. Instead of std::filesystem::remove_all, which LibTorch exports a copy of for its own
/// compiler: programs of another one were seen to jump to nowhere in it (GCC 13, LibTorch 2.11 for
/// CUDA).
std::error_code remove_tree(const std::filesystem::path& path);

}  // namespace gptkit
