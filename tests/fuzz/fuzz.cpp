#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/files.h"
#include "base/remove_tree.h"

namespace gptkit::fuzz {

volatile unsigned touched = 0;  // keeps the reading from being optimised away

void check(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", property);
  std::abort();
}

void touch(std::span<const std::byte> bytes) {
  unsigned sum = 0;
  for (const std::byte byte : bytes) sum += std::to_integer<unsigned>(byte);
  touched = sum;
}

fs::path file_of(std::string_view bytes) {
  static const int fd = ::memfd_create("input", MFD_CLOEXEC);
  check(fd >= 0, "memfd_create works");
  check(::ftruncate(fd, 0) == 0, "the file can be emptied");
  for (off_t at = 0; !bytes.empty();) {
    const ssize_t n = ::pwrite(fd, bytes.data(), bytes.size(), at);
    check(n > 0, "the file can be written");
    bytes.remove_prefix(static_cast<std::size_t>(n));
    at += n;
  }
  return "/proc/self/fd/" + std::to_string(fd);
}

std::string written(const std::string& name, const std::function<void(const fs::path&)>& write) {
  std::string pattern = (fs::temp_directory_path() / "gptkit-fuzz-XXXXXX").string();
  check(::mkdtemp(pattern.data()) != nullptr, "a folder can be made");
  write(pattern);
  const std::string content = read_file(fs::path(pattern) / name);
  remove_tree(pattern);
  return content;
}

}  // namespace gptkit::fuzz
