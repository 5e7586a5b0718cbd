#pragma once
// Instead of std::filesystem::remove_all: that called a null pointer in programs of GCC 13 with
// LibTorch 2.11 for CUDA. LibTorch exports its own copy of std::filesystem, which programs may bind
// to; that this is the cause was not shown.

#include <filesystem>
#include <system_error>

namespace gptkit {

/// Removes a file, or a folder with all it holds; links are removed, not followed. Nothing there is
/// no error. Fails when something cannot be removed.
void remove_tree(const std::filesystem::path& path);

/// The same; tells why instead of failing.
std::error_code try_remove_tree(const std::filesystem::path& path);

}  // namespace gptkit
