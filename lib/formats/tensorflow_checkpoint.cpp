#include "formats/tensorflow_checkpoint.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace gptkit {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are mapped as they lie on disk");

constexpr std::uint64_t kMagic = 0xdb4775248b80fb57;
constexpr std::size_t kFooterBytes = 48, kTrailerBytes = 5;
constexpr std::size_t kMaxIndex = std::size_t{64} << 20;
constexpr std::size_t kMaxTensors = std::size_t{1} << 16, kMaxName = 512;
constexpr std::uint64_t kMaxShards = 99999;  // as many as their names have digits for
constexpr const char* kDefaultPrefix = "model.ckpt";

/// Takes numbers and texts off the front of bytes; `where` and what it reads open its messages.
class ByteReader {
 public:
  ByteReader(std::string_view bytes, const std::string& where) : rest_(bytes), where_(where) {}

  bool empty() const { return rest_.empty(); }
  std::string_view take(std::uint64_t count) {
    check(count <= rest_.size());
    const auto taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<std::uint8_t>(take(1)[0]);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    check(false);
    return 0;
  }
  void check(bool ok) const {
    require(ok, where_, " is damaged: what it holds does not fit into it");
  }

 private:
  std::string_view rest_;
  const std::string& where_;
};

/// A protocol buffer, one field after the other.
class Message {
 public:
  Message(std::string_view bytes, const std::string& where) : bytes_(bytes, where) {}

  /// Moves to the next field; false at the end.
  bool next() {
    if (bytes_.empty()) return false;
    const std::uint64_t tag = bytes_.varint();
    field_ = tag >> 3;
    type_ = tag & 7;
    text_ = {};
    number_ = 0;
    bytes_.check(field_ > 0 && type_ != 3 && type_ != 4 && type_ <= 5);  // no groups
    if (type_ == 0) {
      number_ = bytes_.varint();
    } else if (type_ == 2) {
      text_ = bytes_.take(bytes_.varint());
    } else {
      const auto digits = bytes_.take(type_ == 1 ? 8 : 4);
      std::memcpy(&number_, digits.data(), digits.size());
    }
    return true;
  }

  std::uint64_t field() const { return field_; }
  std::string_view message() const { return bytes_.check(type_ == 2), text_; }
  std::uint64_t number() const { return bytes_.check(type_ == 0), number_; }
  std::uint32_t fixed32() const {
    return bytes_.check(type_ == 5), static_cast<std::uint32_t>(number_);
  }

 private:
  ByteReader bytes_;
  std::string_view text_;
  std::uint64_t field_ = 0, type_ = 0, number_ = 0;
};

/// Stored checksums are turned and shifted, so that checksums of checksums stay useful.
std::uint32_t unmasked(std::uint32_t masked) { return std::rotl(masked - 0xa282ead8u, 15); }

/// Walks a table's entries in their order, checking each block.
class Table {
 public:
  Table(std::string_view file, const std::string& where) : file_(file), where_(where) {}

  /// Calls visit(key, value) for every entry.
  template <class Visit>
  void walk(Visit&& visit) {
    require(file_.size() >= kFooterBytes && file_.size() <= kMaxIndex, where_, ": it has ",
            file_.size(), " bytes; expected ", kFooterBytes, " to ", kMaxIndex);
    const std::string_view footer = file_.substr(file_.size() - kFooterBytes);
    std::uint64_t magic = 0;
    std::memcpy(&magic, footer.data() + kFooterBytes - sizeof magic, sizeof magic);
    require(magic == kMagic, where_,
            ": it does not end as an index of TensorFlow does; the file is damaged or incomplete");
    const std::string what = where_ + ": its footer";
    ByteReader places(footer.substr(0, kFooterBytes - sizeof magic), what);
    read_place(places);  // of facts about the table, which TensorFlow does not use
    const Place index = read_place(places);
    std::uint64_t end = 0;
    each_entry(block(index, "its index block"), "its index block",
               [&](const std::string&, std::string_view value) {
                 const std::string data = concat("its block from byte ", end, " on");
                 ByteReader reader(value, where_);
                 const Place place = read_place(reader);
                 // In order and each once: no block is visited again and again.
                 require(place.offset >= end, where_, ": its blocks overlap; the file is damaged");
                 end = place.offset + place.bytes;
                 each_entry(block(place, data), data,
                            [&](const std::string& key, auto content) { visit(key, content); });
               });
  }

 private:
  struct Place {
    std::uint64_t offset, bytes;
  };
  std::string_view file_;
  const std::string& where_;

  static Place read_place(ByteReader& reader) {
    const std::uint64_t offset = reader.varint();
    return {offset, reader.varint()};
  }

  /// A block's bytes behind its checks, without the list of restart points at its end.
  std::string_view block(const Place& place, const std::string& which) const {
    const std::uint64_t size = file_.size() - kFooterBytes;
    require(place.offset <= size && size - place.offset >= kTrailerBytes &&
                place.bytes <= size - place.offset - kTrailerBytes,
            where_, ": ", which, " would lie on ", place.bytes, " bytes from ", place.offset,
            " on, but the file has ", file_.size(), "; it is damaged");
    const std::string_view checked = file_.substr(place.offset, place.bytes + 1);
    std::uint32_t stored = 0;
    std::memcpy(&stored, file_.data() + place.offset + place.bytes + 1, sizeof stored);
    require(crc32c(checked) == unmasked(stored), where_, ": ", which,
            " does not have its checksum; the file is damaged: fetch or copy it again");
    const int compression = static_cast<unsigned char>(checked.back());
    require(compression == 0, where_, ": ", which, " is compressed",
            compression == 1 ? " (snappy)" : "",
            ", which TensorFlow does not do; save the checkpoint again");
    std::string_view entries = checked.substr(0, place.bytes);
    std::uint32_t restarts = 0;
    require(entries.size() >= sizeof restarts, where_, ": ", which, " has no end");
    std::memcpy(&restarts, entries.data() + entries.size() - sizeof restarts, sizeof restarts);
    require(restarts <= entries.size() / sizeof restarts - 1, where_, ": ", which, " lists ",
            restarts, " restart points, more than it has room for");
    entries.remove_suffix((restarts + std::size_t{1}) * sizeof restarts);
    return entries;
  }

  /// Keys share their beginning with the one before.
  template <class Visit>
  void each_entry(std::string_view entries, const std::string& which, Visit&& visit) const {
    const std::string what = concat(where_, ": ", which);
    std::string key;
    bool first = true;
    for (ByteReader reader(entries, what); !reader.empty(); first = false) {
      const std::uint64_t shared = reader.varint(), fresh = reader.varint();
      const std::uint64_t value_bytes = reader.varint();
      reader.check(shared <= key.size());
      require(fresh <= kMaxName && shared + fresh <= kMaxName, what, " holds a name of more than ",
              kMaxName, " bytes");
      std::string next = key.substr(0, shared);
      next += reader.take(fresh);
      require(first || key < next, what, " is not sorted by name; the file is damaged");
      key = std::move(next);
      visit(key, reader.take(value_bytes));
    }
  }
};

struct Header {
  std::uint64_t shards = 0;
};

Header parse_header(std::string_view bytes, const std::string& where) {
  Header header;
  for (Message message(bytes, where); message.next();) {
    if (message.field() == 1) header.shards = message.number();
    if (message.field() == 2) {
      require(message.number() == 0, where, ": its numbers are big-endian; expected little-endian");
    }
    if (message.field() != 3) continue;
    for (Message version(message.message(), where); version.next();) {
      require(version.field() != 2 || version.number() <= 1, where, ": it is of version ",
              version.field() == 2 ? version.number() : 0, "; expected 1");
    }
  }
  require(header.shards >= 1 && header.shards <= kMaxShards, where, ": it counts ", header.shards,
          " data files; expected 1 to ", kMaxShards);
  return header;
}

DType parse_dtype(std::uint64_t code, const std::string& what) {
  switch (code) {  // tensorflow/core/framework/types.proto
    case 1:
      return DType::kFloat32;
    case 2:
      return DType::kFloat64;
    case 3:
      return DType::kInt32;
    case 4:
      return DType::kUInt8;
    case 5:
      return DType::kInt16;
    case 6:
      return DType::kInt8;
    case 9:
      return DType::kInt64;
    case 10:
      return DType::kBool;
    case 14:
      return DType::kBFloat16;
    case 19:
      return DType::kFloat16;
    default:
      fail(what, code == 7 ? " holds texts" : concat(" has TensorFlow's dtype ", code),
           "; only numbers are read: float64, float32, float16, bfloat16, int64, int32, int16, "
           "int8, uint8 and bool");
  }
}

std::vector<std::int64_t> parse_shape(std::string_view bytes, const std::string& what) {
  std::vector<std::int64_t> shape;
  for (Message message(bytes, what); message.next();) {
    require(message.field() != 3 || message.number() == 0, what, " has no shape");
    if (message.field() != 2) continue;
    std::int64_t size = 0;
    for (Message dimension(message.message(), what); dimension.next();) {
      if (dimension.field() == 1) size = static_cast<std::int64_t>(dimension.number());
    }
    shape.push_back(size);
    require(shape.size() <= 64, what, " has more than 64 dimensions");
  }
  return shape;
}

/// What the index says of a tensor; its offset counts from the start of its data file.
struct Entry {
  TensorInfo info;
  std::uint64_t shard = 0;
  std::uint32_t checksum = 0;
};

Entry parse_entry(const std::string& name, std::string_view bytes, const std::string& where) {
  const std::string what = concat(where, ": tensor '", printable(name), "'");
  Entry entry;
  entry.info.name = name;
  std::uint64_t dtype = 0;
  for (Message message(bytes, what); message.next();) {
    const std::uint64_t field = message.field();
    if (field == 1) dtype = message.number();
    if (field == 2) entry.info.shape = parse_shape(message.message(), what);
    if (field == 3) entry.shard = message.number();
    if (field == 4) entry.info.offset = message.number();
    if (field == 5) entry.info.bytes = message.number();
    if (field == 6) entry.checksum = unmasked(message.fixed32());
    require(field != 7, what, " was saved in slices, which are not read; save it whole");
  }
  entry.info.dtype = parse_dtype(dtype, what);
  const std::uint64_t needed = tensor_bytes(entry.info.dtype, entry.info.shape, what);
  require(entry.info.bytes == needed, what, " lies on ", entry.info.bytes,
          " bytes, but its shape and dtype need ", needed);
  return entry;
}

struct Index {
  Header header;
  std::vector<Entry> entries;
};

Index read_index(const fs::path& path) {
  const std::string where = printable(path.string(), 400);
  const MappedFile file(path);
  require_real_file(file.text(), where);
  Index index;
  std::string last;
  bool first = true;
  Table(file.text(), where).walk([&](const std::string& key, std::string_view value) {
    require(first == key.empty() && (first || last < key), where,
            first ? ": its first entry is not a header" : ": its names are not sorted",
            "; the file is damaged");
    if (first) {
      index.header = parse_header(value, where);
    } else {
      require(index.entries.size() < kMaxTensors, where, ": more than ", kMaxTensors, " tensors");
      index.entries.push_back(parse_entry(key, value, where));
    }
    last = key;
    first = false;
  });
  require(!index.entries.empty(), where, ": it lists no tensors");
  return index;
}

/// The prefix that the file `checkpoint` names:
///   model_checkpoint_path: "model.ckpt"
/// Of a path the last part counts: the folder may have moved since.
std::string read_prefix(const fs::path& folder) {
  const fs::path path = folder / "checkpoint";
  if (!is_there(path)) return kDefaultPrefix;
  const std::string where = printable(path.string(), 400);
  constexpr std::string_view kKey = "model_checkpoint_path:";
  std::string name, line;
  for (std::istringstream lines(read_file(path, 1 << 20)); std::getline(lines, line);) {
    if (!line.starts_with(kKey)) continue;
    const std::size_t open = line.find('"'), close = line.rfind('"');
    if (open < close) name = line.substr(open + 1, close - open - 1);
  }
  require(!name.empty(), where, ": expected a line model_checkpoint_path: \"NAME\"");
  name.erase(0, name.rfind('/') + 1);  // npos + 1 is 0
  const bool plain = !name.empty() && name != "." && name != ".." &&
                     name.find_first_of(std::string_view("\\\0", 2)) == name.npos;
  require(plain, where, ": '", printable(name), "' is not a valid name in a checkpoint");
  return name;
}

std::string shard_name(const std::string& prefix, std::uint64_t shard, std::uint64_t shards) {
  std::array<char, 32> tail{};
  std::snprintf(tail.data(), tail.size(), ".data-%05u-of-%05u", static_cast<unsigned>(shard),
                static_cast<unsigned>(shards));
  return prefix + tail.data();
}

}  // namespace

TensorFlowCheckpoint::TensorFlowCheckpoint(const fs::path& folder) {
  const std::string prefix = read_prefix(folder);
  path_ = folder / (prefix + ".index");
  const std::string where = printable(path_.string(), 400);
  Index index = read_index(path_);
  std::uint64_t end = 0;
  for (std::uint64_t i = 0; i < index.header.shards; ++i) {
    MappedFile file(folder / shard_name(prefix, i, index.header.shards));
    require_real_file(file.text(), printable(file.path().string(), 400));
    const std::uint64_t bytes = file.size();
    shards_.push_back({std::move(file), end});
    end += bytes;
  }

  for (auto& [info, shard, checksum] : index.entries) {
    const std::string what = concat(where, ": tensor '", printable(info.name), "'");
    require(shard < shards_.size(), what, " lies in data file ", shard, " of ", shards_.size());
    const std::uint64_t bytes = shards_[shard].file.size();
    require(info.offset <= bytes && info.bytes <= bytes - info.offset, what, " lies on ",
            info.bytes, " bytes from ", info.offset, " on, but the data file has ", bytes,
            "; it may be incomplete");
    info.offset += shards_[shard].begin;
    tensors_.push_back(std::move(info));
  }
  std::vector<ChecksummedParts::Part> parts;
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    parts.push_back(
        {tensors_[i].offset, tensors_[i].bytes, index.entries[i].checksum, tensors_[i].name});
  }
  parts_ = ChecksummedParts(std::move(parts), crc32c, where);
}

const TensorFlowCheckpoint::Shard& TensorFlowCheckpoint::shard_of(const TensorInfo& tensor) const {
  // Of shards that begin at the same byte, the last is the one that is not empty.
  const auto after =
      std::upper_bound(shards_.begin(), shards_.end(), tensor.offset,
                       [](std::uint64_t at, const Shard& shard) { return at < shard.begin; });
  return *std::prev(after);
}

std::span<const std::byte> TensorFlowCheckpoint::bytes(const TensorInfo& tensor) const {
  if (tensor.bytes == 0) return {};
  const auto* const part = parts_.find(tensor.offset);
  assert(part && part->bytes == tensor.bytes);  // it is one of tensors()
  const Shard& shard = shard_of(tensor);
  const std::string_view content =
      shard.file.text().substr(tensor.offset - shard.begin, tensor.bytes);
  parts_.check(*part, content, printable(path_.string(), 400));
  return std::as_bytes(std::span(content.data(), content.size()));
}

void TensorFlowCheckpoint::release(const TensorInfo& tensor) const {
  if (tensor.bytes == 0) return;
  const Shard& shard = shard_of(tensor);
  shard.file.release(shard.file.bytes().subspan(tensor.offset - shard.begin, tensor.bytes));
}

}  // namespace gptkit
