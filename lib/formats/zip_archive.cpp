#include "formats/zip_archive.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/error.h"

namespace gptkit {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie on disk");

constexpr std::uint64_t kMaxEntries = std::uint64_t{1} << 18;  // state dicts have some thousands
constexpr std::size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22;
constexpr std::size_t kLocatorBytes = 20, kEnd64Bytes = 56, kMaxComment = 0xffff;
constexpr std::uint32_t kFull = 0xffffffff;  // the number is in the zip64 record
constexpr std::uint16_t kFull16 = 0xffff, kZip64Extra = 1;

/// The number at a place that is known to lie within the bytes.
template <class T>
T number(std::string_view bytes, std::size_t at) {
  T value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

/// Reads what an archive lists; `entries` gets a name, a place and a checksum each.
class Directory {
 public:
  Directory(std::string_view archive, const std::string& where)
      : archive_(archive), where_(where) {}

  std::vector<ZipEntry> read() {
    find_end();
    std::vector<ZipEntry> entries;
    entries.reserve(count_);
    std::string_view rest = archive_.substr(offset_, bytes_);
    for (std::uint64_t i = 0; i < count_; ++i) entries.push_back(next_entry(rest));
    check(rest.empty(), "the central directory holds more than its entries");
    return entries;
  }

 private:
  std::string_view archive_;
  const std::string& where_;
  std::uint64_t count_ = 0, offset_ = 0, bytes_ = 0;

  template <class... Parts>
  void check(bool ok, const Parts&... parts) const {
    require(ok, where_, ": ", parts..., "; the file is damaged or incomplete");
  }

  /// The end record, which is followed by nothing but its comment.
  std::size_t end_record() const {
    check(archive_.size() >= kEndBytes, archive_.size(), " bytes are no zip archive");
    const std::size_t last = archive_.size() - kEndBytes;
    const std::size_t first = last - std::min(last, kMaxComment);
    for (std::size_t at = last;; --at) {
      if (archive_.substr(at, 4) == "PK\5\6" &&
          number<std::uint16_t>(archive_, at + 20) == last - at) {
        return at;
      }
      check(at > first, "no end of a zip archive's central directory");
    }
  }

  void find_end() {
    const std::size_t end = end_record();
    const std::string_view record = archive_.substr(end, kEndBytes);
    const auto disk = number<std::uint16_t>(record, 4), start = number<std::uint16_t>(record, 6);
    count_ = number<std::uint16_t>(record, 10);
    bytes_ = number<std::uint32_t>(record, 12);
    offset_ = number<std::uint32_t>(record, 16);
    const bool has64 = end >= kLocatorBytes && archive_.substr(end - kLocatorBytes, 4) == "PK\6\7";
    if (!has64) check(disk == 0 && start == 0, "it is one part of a divided archive");
    if (!has64) check(number<std::uint16_t>(record, 8) == count_, "its counts of entries differ");
    const std::uint64_t directory_end = has64 ? read_end64(end - kLocatorBytes) : end;
    check(offset_ <= directory_end && directory_end - offset_ == bytes_,
          "the central directory would lie on ", bytes_, " bytes from ", offset_,
          " on, but must end at byte ", directory_end);
    require(count_ <= kMaxEntries, where_, ": it lists ", count_, " entries; at most ", kMaxEntries,
            " are accepted");
    check(count_ <= bytes_ / kCentralBytes, count_, " entries do not fit into the ", bytes_,
          " bytes of the central directory");
  }

  /// The zip64 record, whose numbers stand for those of the end record; returns where it begins.
  std::uint64_t read_end64(std::size_t locator) {
    const auto at = number<std::uint64_t>(archive_, locator + 8);
    check(at <= locator && locator - at >= kEnd64Bytes && archive_.substr(at, 4) == "PK\6\6" &&
              number<std::uint64_t>(archive_, at + 4) == locator - at - 12,
          "the zip64 end record is not where its locator says");
    const std::string_view record = archive_.substr(at, kEnd64Bytes);
    const auto entries = number<std::uint64_t>(record, 32);
    const auto bytes = number<std::uint64_t>(record, 40);
    const auto offset = number<std::uint64_t>(record, 48);
    check(number<std::uint32_t>(record, 16) == 0 && number<std::uint32_t>(record, 20) == 0,
          "it is one part of a divided archive");
    check((count_ == kFull16 || count_ == entries) && (bytes_ == kFull || bytes_ == bytes) &&
              (offset_ == kFull || offset_ == offset),
          "its two end records contradict each other");
    count_ = entries;
    bytes_ = bytes;
    offset_ = offset;
    return at;
  }

  /// Takes one entry off the front of the central directory.
  ZipEntry next_entry(std::string_view& rest) const {
    check(rest.size() >= kCentralBytes && rest.starts_with("PK\1\2"),
          "the central directory has no entry at byte ", archive_.size() - rest.size());
    const std::size_t name_bytes = number<std::uint16_t>(rest, 28);
    const std::size_t extra_bytes = number<std::uint16_t>(rest, 30);
    const std::size_t all =
        kCentralBytes + name_bytes + extra_bytes + number<std::uint16_t>(rest, 32);
    check(all <= rest.size(), "an entry of the central directory goes beyond its end");
    ZipEntry entry;
    entry.name = rest.substr(kCentralBytes, name_bytes);
    check_name(entry.name);
    check_storage(entry.name, number<std::uint16_t>(rest, 8), number<std::uint16_t>(rest, 10));
    entry.crc32 = number<std::uint32_t>(rest, 16);
    std::uint64_t packed = number<std::uint32_t>(rest, 20);
    entry.bytes = number<std::uint32_t>(rest, 24);
    std::uint64_t local = number<std::uint32_t>(rest, 42);
    read_zip64(rest.substr(kCentralBytes + name_bytes, extra_bytes), entry.name,
               {&entry.bytes, &packed, &local});
    check(packed == entry.bytes, "the stored entry '", printable(entry.name), "' has ", packed,
          " bytes in the file and ", entry.bytes, " outside");
    entry.offset = content_offset(entry, local);
    rest.remove_prefix(all);
    return entry;
  }

  /// Nobody makes a path of a name; one that would lead elsewhere still means harm.
  void check_name(std::string_view name) const {
    bool leads_out = name.empty() || name.front() == '/' ||
                     name.find_first_of(std::string_view("\\\0", 2)) != name.npos;
    for (std::size_t begin = 0; begin <= name.size() && !leads_out;) {
      const std::size_t end = std::min(name.find('/', begin), name.size());
      leads_out = name.substr(begin, end - begin) == "..";
      begin = end + 1;
    }
    require(!leads_out, where_, ": the entry '", printable(name),
            "' has a name that leads elsewhere; torch.save writes none like it");
  }

  void check_storage(std::string_view name, unsigned flags, unsigned method) const {
    constexpr unsigned kEncrypted = 0x2041;  // plain, strong, masked headers
    require((flags & kEncrypted) == 0, where_, ": the entry '", printable(name),
            "' is encrypted; unpack the archive and save it again with torch.save");
    require(method == 0, where_, ": the entry '", printable(name), "' is compressed (",
            method == 8 ? "deflated" : concat("method ", method),
            "); torch.save stores entries as they are: load it in Python and save it again");
  }

  /// Replaces the numbers that were too large for 32 bits, in the order in which they stand.
  void read_zip64(std::string_view extra, std::string_view name,
                  std::initializer_list<std::uint64_t*> numbers) const {
    std::string_view field;
    while (extra.size() >= 4) {  // up to three bytes of padding are left
      const std::size_t bytes = number<std::uint16_t>(extra, 2);
      check(bytes <= extra.size() - 4, "the entry '", printable(name),
            "' has damaged extra fields");
      if (number<std::uint16_t>(extra, 0) == kZip64Extra) field = extra.substr(4, bytes);
      extra.remove_prefix(4 + bytes);
    }
    for (std::uint64_t* const value : numbers) {
      if (*value != kFull) continue;
      check(field.size() >= 8, "the entry '", printable(name), "' lacks its zip64 sizes");
      *value = number<std::uint64_t>(field, 0);
      field.remove_prefix(8);
    }
  }

  /// Behind the entry's local header, whose name and extra fields have lengths of their own.
  std::uint64_t content_offset(const ZipEntry& entry, std::uint64_t local) const {
    check(
        local <= offset_ && offset_ - local >= kLocalBytes && archive_.substr(local, 4) == "PK\3\4",
        "the entry '", printable(entry.name), "' has no header at byte ", local);
    const std::string_view header = archive_.substr(local, kLocalBytes);
    const std::uint64_t name_bytes = number<std::uint16_t>(header, 26);
    const std::uint64_t begin =
        local + kLocalBytes + name_bytes + number<std::uint16_t>(header, 28);
    check(archive_.substr(local + kLocalBytes, name_bytes) == entry.name, "the header at byte ",
          local, " is not that of the entry '", printable(entry.name), "'");
    check_storage(entry.name, number<std::uint16_t>(header, 6), number<std::uint16_t>(header, 8));
    check(begin <= offset_ && entry.bytes <= offset_ - begin, "the entry '", printable(entry.name),
          "' would lie on ", entry.bytes, " bytes from ", begin,
          " on, but the central directory begins at ", offset_);
    return begin;
  }
};

}  // namespace

ZipArchive::ZipArchive(std::string_view archive, const std::string& where)
    : archive_(archive), entries_(Directory(archive, where).read()) {
  std::sort(entries_.begin(), entries_.end(),
            [](const ZipEntry& a, const ZipEntry& b) { return a.offset < b.offset; });
  for (std::size_t i = 1; i < entries_.size(); ++i) {
    const ZipEntry &before = entries_[i - 1], &entry = entries_[i];
    require(entry.offset - before.offset >= before.bytes + kLocalBytes, where, ": the entries '",
            printable(before.name), "' and '", printable(entry.name),
            "' lie on the same bytes; the file is damaged");
  }
  std::sort(entries_.begin(), entries_.end(),
            [](const ZipEntry& a, const ZipEntry& b) { return a.name < b.name; });
  for (std::size_t i = 1; i < entries_.size(); ++i) {
    require(entries_[i - 1].name != entries_[i].name, where, ": the entry '",
            printable(entries_[i].name), "' occurs twice; the file is damaged");
  }
}

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto found = std::lower_bound(
      entries_.begin(), entries_.end(), name,
      [](const ZipEntry& entry, std::string_view wanted) { return entry.name < wanted; });
  return found != entries_.end() && found->name == name ? &*found : nullptr;
}

}  // namespace gptkit
