#pragma once
// What the tests of foreign checkpoints share: files made by hand, and golden ones against the JSON
// beside them, {TENSOR: {"dtype", "shape", "data": the row-major bytes in hex}}.

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "formats/weight_file.h"
#include "raw_checkpoints.h"
#include "support/support.h"

namespace gptkit::test {

/// A file in memory: some tests write thousands, which would take long on a disk.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("test", MFD_CLOEXEC)) {
    if (fd_ < 0) ADD_FAILURE() << "cannot make a file in memory";
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  void write(std::string_view content) {
    const bool written =
        ::ftruncate(fd_, 0) == 0 &&
        ::pwrite(fd_, content.data(), content.size(), 0) == static_cast<ssize_t>(content.size());
    if (!written) ADD_FAILURE() << "cannot write the file in memory";
  }
  fs::path path() const { return concat("/proc/self/fd/", fd_); }

 private:
  int fd_;
};

/// Without the syncing of write_file_atomic.
inline void write_file(const fs::path& path, std::string_view content) {
  std::ofstream file(path, std::ios::binary);
  file.write(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.flush()) ADD_FAILURE() << "cannot write " << path;
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

inline std::string hex(std::string_view bytes) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kHex[static_cast<unsigned char>(c) >> 4];
    out += kHex[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

/// A tensor's elements one after the other, whatever its strides.
inline std::string dense(const WeightFile& file, const TensorInfo& info) {
  const std::string bytes = text_of(file.bytes(info));
  if (info.strides.empty()) return bytes;
  const std::size_t size = block_of(info.dtype).bytes;
  std::string out;
  std::vector<std::int64_t> index(info.shape.size(), 0);
  for (bool more = true; more;) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < index.size(); ++i) {
      at += static_cast<std::size_t>(index[i] * info.strides[i]);
    }
    out += bytes.substr(at * size, size);
    more = false;
    for (std::size_t i = index.size(); i-- > 0 && !more;) {
      more = ++index[i] < info.shape[i];
      if (!more) index[i] = 0;
    }
  }
  return out;
}

inline const TensorInfo& tensor(const WeightFile& file, std::string_view name) {
  for (const auto& info : file.tensors()) {
    if (info.name == name) return info;
  }
  fail("no tensor ", name);
}

/// Every tensor of the JSON and no other.
inline void expect_golden(const WeightFile& file, const Json& expected) {
  std::set<std::string> names;
  for (const auto& info : file.tensors()) {
    SCOPED_TRACE(info.name);
    names.insert(info.name);
    ASSERT_TRUE(expected.contains(info.name));
    const Json& want = expected[info.name];
    EXPECT_EQ(name(info.dtype), want["dtype"].get<std::string>());
    EXPECT_EQ(info.shape, want["shape"].get<std::vector<std::int64_t>>());
    EXPECT_EQ(hex(dense(file, info)), want["data"].get<std::string>());
    file.release(info);
    EXPECT_EQ(hex(dense(file, info)), want["data"].get<std::string>()) << "after release";
  }
  EXPECT_EQ(names.size(), expected.size());
}

inline Json golden_json(const fs::path& folder) {
  return parse_json(read_file(folder / "expected.json"), "expected.json");
}

}  // namespace gptkit::test
