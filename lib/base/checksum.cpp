#include "base/checksum.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace gptkit {
namespace {

static_assert(std::endian::native == std::endian::little, "eight bytes are taken at a time");

/// tables[k][b]: what the byte b does to the checksum when k bytes follow it.
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables(std::uint32_t reversed_polynomial) {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) {
      value = (value >> 1) ^ ((value & 1) != 0 ? reversed_polynomial : 0);
    }
    tables[0][byte] = value;
  }
  for (std::size_t k = 1; k < tables.size(); ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr Tables kZip = make_tables(0xEDB88320);
constexpr Tables kCastagnoli = make_tables(0x82F63B78);

std::uint32_t checksum(const Tables& tables, std::string_view bytes) {
  std::uint32_t value = 0xffffffff;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, sizeof word);
    word ^= value;
    value = 0;
    for (std::size_t i = 0; i < 8; ++i) value ^= tables[7 - i][(word >> (8 * i)) & 0xff];
  }
  for (; left > 0; --left, ++at) {
    value = (value >> 8) ^ tables[0][(value ^ static_cast<unsigned char>(*at)) & 0xff];
  }
  return ~value;
}

}  // namespace

std::uint32_t crc32(std::string_view bytes) { return checksum(kZip, bytes); }
std::uint32_t crc32c(std::string_view bytes) { return checksum(kCastagnoli, bytes); }

ChecksummedParts::ChecksummedParts(std::vector<Part> parts, Function function,
                                   const std::string& where)
    : parts_(std::move(parts)), function_(function) {
  std::erase_if(parts_, [](const Part& part) { return part.bytes == 0; });
  std::sort(parts_.begin(), parts_.end(),
            [](const Part& a, const Part& b) { return a.offset < b.offset; });
  for (std::size_t i = 1; i < parts_.size(); ++i) {
    require(parts_[i].offset - parts_[i - 1].offset >= parts_[i - 1].bytes, where, ": '",
            printable(parts_[i - 1].name), "' and '", printable(parts_[i].name),
            "' lie on the same bytes; the file is damaged");
  }
  checked_ = std::make_unique<std::atomic<bool>[]>(parts_.size());
}

const ChecksummedParts::Part* ChecksummedParts::find(std::uint64_t offset) const {
  auto after =
      std::upper_bound(parts_.begin(), parts_.end(), offset,
                       [](std::uint64_t at, const Part& part) { return at < part.offset; });
  if (after == parts_.begin()) return nullptr;
  const Part& part = *--after;
  return offset - part.offset < part.bytes ? &part : nullptr;
}

void ChecksummedParts::check(const Part& part, std::string_view content,
                             const std::string& where) const {
  assert(content.size() == part.bytes);
  auto& checked = checked_[static_cast<std::size_t>(&part - parts_.data())];
  if (checked.load(std::memory_order_acquire)) return;
  require(function_(content) == part.checksum, where, ": '", printable(part.name),
          "' does not have the checksum that the file gives for it; the file is damaged: fetch or "
          "copy it again");
  checked.store(true, std::memory_order_release);
}

}  // namespace gptkit
