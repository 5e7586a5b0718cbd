#pragma once
// GGUF files built by hand for tests, independently of the writer, so that anything in them can be
// wrong.

#include <cstdint>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "formats/gguf.h"
#include "support/support.h"

namespace gptkit::test {

inline constexpr std::uint32_t kUInt8 = 0, kUInt32 = 4, kInt32 = 5, kFloat32 = 6, kBool = 7,
                               kString = 8, kArray = 9, kUInt64 = 10;
inline constexpr std::uint64_t kHuge = ~std::uint64_t{0};

/// A number as it stands in the file.
template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

inline std::string text(std::string_view value) {
  return raw(std::uint64_t{value.size()}) + std::string(value);
}

struct HandMade {
  std::string magic = "GGUF";
  std::uint32_t version = 3;
  std::uint64_t n_entries = 0, n_tensors = 0;
  std::string entries = {}, tensors = {}, data = {};
  std::uint64_t alignment = 32;

  HandMade& entry(std::string_view key, std::uint32_t type, const std::string& value) {
    entries += text(key) + raw(type) + value;
    ++n_entries;
    return *this;
  }
  HandMade& tensor(std::string_view name, const std::vector<std::int64_t>& sizes,
                   std::uint32_t type, std::uint64_t offset) {
    tensors += text(name) + raw(static_cast<std::uint32_t>(sizes.size()));
    for (const auto size : sizes) tensors += raw(size);
    tensors += raw(type) + raw(offset);
    ++n_tensors;
    return *this;
  }
  HandMade& bytes(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) data += static_cast<char>(i);
    return *this;
  }
  std::string file() const {
    std::string head = magic + raw(version) + raw(n_tensors) + raw(n_entries) + entries + tensors;
    if (alignment > 0) head.append((alignment - head.size() % alignment) % alignment, '\0');
    return head + data;
  }
};

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::span<const std::byte> bytes_of(std::string_view content) {
  return std::as_bytes(std::span(content.data(), content.size()));
}

class GgufTest : public testing::Test {
 protected:
  fs::path path() const { return folder / "m.gguf"; }
  GgufFile open(const std::string& content) {
    std::ofstream(path(), std::ios::binary) << content;  // AtomicFile would sync each
    return GgufFile(path());
  }
  GgufFile open(const HandMade& made) { return open(made.file()); }
  void expect_refused(const HandMade& made, const std::string& part) {
    SCOPED_TRACE(part);
    expect_error([&] { open(made); }, part);
    expect_error([&] { open(made); }, "m.gguf: ");
  }

  ScratchFolder folder;
};

/// Metadata of every type.
inline HandMade with_metadata() {
  HandMade made;
  made.entry("u8", 0, raw(std::uint8_t{200}))
      .entry("i8", 1, raw(std::int8_t{-5}))
      .entry("u16", 2, raw(std::uint16_t{60000}))
      .entry("i16", 3, raw(std::int16_t{-300}))
      .entry("u32", 4, raw(std::uint32_t{4000000000}))
      .entry("i32", 5, raw(std::int32_t{-70000}))
      .entry("f32", 6, raw(0.5f))
      .entry("yes", 7, raw(char{1}))
      .entry("no", 7, raw(char{0}))
      .entry("text", 8, text("h\xC3\xA9llo"))
      .entry("u64", 10, raw(std::uint64_t{1} << 40))
      .entry("i64", 11, raw(std::int64_t{-1} << 40))
      .entry("f64", 12, raw(0.1))
      .entry("too large", 10, raw(kHuge));
  const auto array = [](std::uint32_t type, std::uint64_t n, const std::string& elements) {
    return raw(type) + raw(n) + elements;
  };
  made.entry("texts", kArray, array(8, 3, text("a") + text("") + text("bc")))
      .entry("ints", kArray, array(5, 2, raw(std::int32_t{-1}) + raw(std::int32_t{7})))
      .entry("bytes", kArray, array(0, 6, "\1\2\3\4\5\6"))
      .entry("floats", kArray, array(6, 2, raw(1.5f) + raw(-2.f)))
      .entry("flags", kArray, array(7, 2, std::string("\1\0", 2)))
      .entry("nothing", kArray, array(6, 0, ""));
  return made;
}

}  // namespace gptkit::test
