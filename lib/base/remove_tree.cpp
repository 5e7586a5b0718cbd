#include "base/remove_tree.h"

#include <ftw.h>

#include <cerrno>
#include <cstdio>

#include "base/error.h"

namespace gptkit {

std::error_code try_remove_tree(const std::filesystem::path& path) {
  constexpr int kOpenFolders = 16;
  const auto remove = [](const char* name, const struct stat*, int, struct FTW*) {
    return std::remove(name) == 0 || errno == ENOENT ? 0 : errno;
  };
  const int code = ::nftw(path.c_str(), remove, kOpenFolders, FTW_DEPTH | FTW_PHYS);
  if (code == 0 || (code == -1 && errno == ENOENT)) return {};
  return {code == -1 ? errno : code, std::generic_category()};
}

void remove_tree(const std::filesystem::path& path) {
  if (const auto code = try_remove_tree(path)) {
    fail_runtime("cannot remove ", path.string(), ": ", code.message());
  }
}

}  // namespace gptkit
