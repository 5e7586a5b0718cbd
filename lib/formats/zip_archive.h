#pragma once
// Zip archives as torch.save writes them: entries that are stored, not compressed. Read from the
// central directory (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), which must lie
// right before the end records; zip64 and data descriptors are accepted, comments too.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gptkit {

struct ZipEntry {
  std::string_view name;     ///< a key to look up, never a path
  std::uint64_t offset = 0;  ///< of the content, from the start of the archive
  std::uint64_t bytes = 0;
  std::uint32_t crc32 = 0;
};

/// An archive in memory, a view of it. Checked as a whole when it is made: every entry lies within
/// it and on bytes of its own, is stored plainly and has a name of its own that leads nowhere else.
/// The contents' checksums are left to who reads them.
class ZipArchive {
 public:
  /// `where` opens every message.
  ZipArchive(std::string_view archive, const std::string& where);

  /// True when the bytes begin as a zip archive with entries does.
  static bool looks_like_one(std::string_view bytes) { return bytes.starts_with("PK\3\4"); }

  /// By name.
  const std::vector<ZipEntry>& entries() const { return entries_; }
  /// Null when there is none of that name.
  const ZipEntry* find(std::string_view name) const;
  std::string_view content(const ZipEntry& entry) const {
    return archive_.substr(entry.offset, entry.bytes);
  }

 private:
  std::string_view archive_;
  std::vector<ZipEntry> entries_;
};

}  // namespace gptkit
