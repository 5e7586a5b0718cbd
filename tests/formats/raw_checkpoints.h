#pragma once
// Foreign checkpoints made byte by byte, whole or damaged, for tests and fuzz targets.

#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include "base/checksum.h"

namespace gptkit::test {

/// The bytes of a number as they lie on disk.
template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
inline std::string u16(std::size_t value) { return raw(static_cast<std::uint16_t>(value)); }
inline std::string u32(std::size_t value) { return raw(static_cast<std::uint32_t>(value)); }
inline std::string u64(std::size_t value) { return raw(static_cast<std::uint64_t>(value)); }

/// One entry of a zip archive, and the ways in which it may lie.
struct ZipPart {
  std::string name, content;
  std::uint16_t flags = 0, method = 0;
  bool zip64 = false;           ///< sizes and place in the extra field
  bool descriptor = false;      ///< sizes behind the content, zeros before it
  std::uint32_t spoil = 0;      ///< laid over the checksum
  std::string local_name = {};  ///< in the header before the content, if another one
};

/// How the archive ends.
struct ZipEnd {
  bool zip64 = false;
  std::string comment = {};
};

inline std::string zip_of(const std::vector<ZipPart>& parts, const ZipEnd& end = {}) {
  std::string file, directory;
  for (const auto& part : parts) {
    const std::size_t place = file.size(), size = part.content.size();
    const auto flags = u16(part.flags | (part.descriptor ? 8u : 0u));
    const auto checksum = u32(crc32(part.content) ^ part.spoil);
    const std::string shown = part.zip64 ? u32(0xffffffff) : u32(size);
    const std::string& local = part.local_name.empty() ? part.name : part.local_name;
    const std::string none = part.descriptor ? u32(0) : shown;
    file += "PK\3\4" + u16(20) + flags + u16(part.method) + u32(0);
    file += (part.descriptor ? u32(0) : checksum) + none + none + u16(local.size()) + u16(3);
    file += local + "FB?" + part.content;
    if (part.descriptor) file += "PK\7\10" + checksum + u32(size) + u32(size);

    const std::string extra =
        part.zip64 ? u16(1) + u16(24) + u64(size) + u64(size) + u64(place) : std::string();
    directory += "PK\1\2" + u16(20) + u16(20) + flags + u16(part.method) + u32(0) + checksum;
    directory += shown + shown + u16(part.name.size()) + u16(extra.size()) + u16(0) + u16(0);
    directory += u16(0) + u32(0) + (part.zip64 ? u32(0xffffffff) : u32(place)) + part.name + extra;
  }
  const std::size_t at = file.size(), count = parts.size();
  file += directory;
  if (end.zip64) {
    const std::size_t record = file.size();
    file += "PK\6\6" + u64(44) + u16(45) + u16(45) + u32(0) + u32(0) + u64(count) + u64(count);
    file += u64(directory.size()) + u64(at) + "PK\6\7" + u32(0) + u64(record) + u32(1);
  }
  const std::size_t few = end.zip64 ? 0xffff : count;
  file += "PK\5\6" + u16(0) + u16(0) + u16(few) + u16(few);
  file += end.zip64 ? u32(0xffffffff) + u32(0xffffffff) : u32(directory.size()) + u32(at);
  return file + u16(end.comment.size()) + end.comment;
}

/// Of protocol buffers and LevelDB.
inline std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
inline std::uint32_t masked(std::uint32_t checksum) {
  return std::rotr(checksum, 15) + 0xa282ead8u;
}

/// A field of a protocol buffer: a number, or a message.
inline std::string field(std::uint64_t id, std::uint64_t number) {
  return varint(id << 3) + varint(number);
}
inline std::string field(std::uint64_t id, const std::string& message) {
  return varint(id << 3 | 2) + varint(message.size()) + message;
}

/// An entry of a LevelDB block: the bytes its key shares with the one before, the rest, the value.
inline std::string item(std::uint64_t shared, const std::string& key, const std::string& value) {
  return varint(shared) + varint(key.size()) + varint(value.size()) + key + value;
}

struct BlockParts {
  char compression = 0;
  std::uint32_t spoil = 0, restarts = 1;
};

/// A block with its restart point and trailer.
inline std::string block(const std::string& entries, const BlockParts& parts = {}) {
  std::string bytes = entries + u32(0) + u32(parts.restarts) + parts.compression;
  return bytes + u32(masked(crc32c(bytes)) ^ parts.spoil);
}
inline std::string place(std::size_t offset, std::size_t block_bytes) {
  return varint(offset) + varint(block_bytes - 5);
}

/// An index of these data blocks.
inline std::string table(const std::vector<std::string>& blocks,
                         const BlockParts& index_parts = {}) {
  std::string file, entries;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    entries +=
        item(0, std::string(1, static_cast<char>('a' + i)), place(file.size(), blocks[i].size()));
    file += blocks[i];
  }
  const std::string facts = block(""), index = block(entries, index_parts);
  std::string footer = place(file.size(), facts.size());
  footer += place(file.size() + facts.size(), index.size());
  footer.resize(40, '\0');
  return file + facts + index + footer + u64(0xdb4775248b80fb57);
}

}  // namespace gptkit::test
