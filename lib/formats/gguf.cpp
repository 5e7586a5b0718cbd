#include "formats/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <set>
#include <utility>

#include "base/error.h"
#include "formats/gguf_types.h"

namespace gptkit {
namespace {

using gguf_detail::kTensorTypes;
using gguf_detail::load;

static_assert(std::endian::native == std::endian::little, "tensors are mapped as they lie on disk");

constexpr std::size_t kMaxKey = 65535;
constexpr std::size_t kMaxName = 255;
constexpr std::uint32_t kMaxDimensions = 4;
// Real files have a hundred entries and, with every expert by itself, some ten thousand tensors.
constexpr std::uint64_t kMaxEntries = std::uint64_t{1} << 16;
constexpr std::uint64_t kMaxTensors = std::uint64_t{1} << 20;
constexpr std::uint64_t kMaxElements = std::uint64_t{1} << 30;
// The smallest there can be; they bound the counts before anything is read.
constexpr std::uint64_t kLeastEntry = 8 + 1 + 4 + 1;
constexpr std::uint64_t kLeastTensor = 8 + 1 + 4 + 4 + 8;

/// Takes the file apart from its front; nothing is copied.
class Cursor {
 public:
  Cursor(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  std::uint64_t position() const { return position_; }
  std::uint64_t left() const { return text_.size() - position_; }
  const std::string& where() const { return where_; }

  std::string_view take(std::uint64_t bytes, const char* what) {
    require(bytes <= left(), where_, ": ", what, " at byte ", position_, " needs ", bytes,
            " bytes, but ", left(), " are left; the download may be incomplete");
    const auto taken = text_.substr(position_, bytes);
    position_ += bytes;
    return taken;
  }
  template <class T>
  T number(const char* what) {
    return load<T>(take(sizeof(T), what).data());
  }
  std::string_view string(const char* what) {
    const auto bytes = number<std::uint64_t>(what);
    return take(bytes, what);
  }
  /// What was taken since `start`.
  std::string_view since(std::uint64_t start) const {
    return text_.substr(start, position_ - start);
  }

 private:
  std::string_view text_;
  const std::string& where_;
  std::uint64_t position_ = 0;
};

struct Header {
  std::uint32_t version;
  std::uint64_t tensors, entries;
};

/// `room` is how many the rest of the file could hold.
void check_count(std::uint64_t count, std::uint64_t most, std::uint64_t room,
                 const std::string& where, const char* what) {
  require(count <= most, where, ": claims ", count, " ", what, "; at most ", most, " are accepted");
  require(count <= room, where, ": claims ", count, " ", what, ", but the rest of it can hold ",
          room, " at most; the download may be incomplete");
}

Header read_header(Cursor& in) {
  const std::string& where = in.where();
  const bool magic = in.left() >= kGgufMagic.size() && in.take(4, "the magic") == kGgufMagic;
  require(magic, where, ": does not begin with 'GGUF'; is it a GGUF file?");
  Header header{};
  header.version = in.number<std::uint32_t>("the version");
  require((header.version & 0xFFFF) != 0 || header.version == 0, where,
          ": is a big-endian GGUF file; only little-endian ones are supported");
  require(header.version == 2 || header.version == 3, where, ": is GGUF version ", header.version,
          "; supported are 2 and 3",
          header.version == 1 ? ". A current llama.cpp converts the model anew" : "");
  header.tensors = in.number<std::uint64_t>("the number of tensors");
  header.entries = in.number<std::uint64_t>("the number of metadata entries");
  const std::uint64_t left = in.left();
  check_count(header.entries, kMaxEntries, left / kLeastEntry, where, "metadata entries");
  check_count(header.tensors, kMaxTensors, left / kLeastTensor, where, "tensors");
  return header;
}

/// Moves past `entry.count` elements, checking those that can be wrong.
template <class T>
void skip_elements(Cursor& in, const GgufEntry& entry, const std::string& what) {
  constexpr bool kText = std::is_same_v<T, std::string>;
  constexpr std::uint64_t kBytes = kText ? sizeof(std::uint64_t) : sizeof(T);
  require(entry.count <= kMaxElements, what, " has ", entry.count, " elements; at most ",
          kMaxElements, " are accepted");
  require(entry.count <= in.left() / kBytes, what, " would have ", entry.count,
          " elements, but the file only ", in.left(),
          " more bytes; the download may be incomplete");
  if constexpr (kText) {
    for (std::uint64_t i = 0; i < entry.count; ++i) in.string("a metadata string");
  } else {
    const std::string_view bytes = in.take(entry.count * kBytes, "a metadata value");
    if constexpr (std::is_same_v<T, bool>) {
      const auto bad = std::find_if(bytes.begin(), bytes.end(),
                                    [](char byte) { return byte != 0 && byte != 1; });
      require(bad == bytes.end(), what, " holds a bool of ",
              bad == bytes.end() ? 0 : static_cast<unsigned char>(*bad), "; expected 0 or 1");
    }
  }
}

GgufEntry read_entry(Cursor& in) {
  GgufEntry entry;
  entry.key = in.string("a metadata key");
  require(!entry.key.empty(), in.where(), ": a metadata key is empty");
  require(entry.key.size() <= kMaxKey, in.where(), ": a metadata key has ", entry.key.size(),
          " bytes; at most ", kMaxKey, " are accepted");
  const std::string what = concat(in.where(), ": metadata '", printable(entry.key), "'");
  entry.type = static_cast<GgufType>(in.number<std::uint32_t>("a metadata type"));
  entry.is_array = entry.type == GgufType::kArray;
  if (entry.is_array) {
    entry.type = static_cast<GgufType>(in.number<std::uint32_t>("an array's type"));
    entry.count = in.number<std::uint64_t>("an array's length");
  }
  const std::uint64_t start = in.position();
  gguf_detail::visit_type(
      entry.type, what, [&]<class T>(std::type_identity<T>) { skip_elements<T>(in, entry, what); });
  entry.bytes = in.since(start);
  return entry;
}

std::uint32_t alignment_of(const GgufEntry& entry, const std::string& where) {
  require(entry.type == GgufType::kUInt32 && !entry.is_array, where, ": ", kGgufAlignmentKey,
          " has the type ", entry.is_array ? "array" : name(entry.type), "; expected uint32");
  const auto alignment = load<std::uint32_t>(entry.bytes.data());
  require(std::has_single_bit(alignment), where, ": ", kGgufAlignmentKey, " is ", alignment,
          "; expected a power of two");
  return alignment;
}

DType tensor_type(std::uint32_t id, const std::string& what) {
  const bool known = id < kTensorTypes.size();
  if (known && kTensorTypes[id].dtype) return *kTensorTypes[id].dtype;
  const std::string shown = known ? std::string(kTensorTypes[id].name) : std::to_string(id);
  fail(what, " has the type ", shown, ", which is not supported; supported are ",
       gguf_detail::supported_tensor_types());
}

/// One entry of the list; the offset still counts from the start of the data.
TensorInfo read_tensor(Cursor& in) {
  TensorInfo info;
  info.name = in.string("a tensor's name");
  require(!info.name.empty(), in.where(), ": a tensor's name is empty");
  require(info.name.size() <= kMaxName, in.where(), ": a tensor's name has ", info.name.size(),
          " bytes; at most ", kMaxName, " are accepted");
  const std::string what = concat(in.where(), ": tensor '", printable(info.name), "'");

  const auto dimensions = in.number<std::uint32_t>("a tensor's number of dimensions");
  require(dimensions <= kMaxDimensions, what, " has ", dimensions, " dimensions; at most ",
          kMaxDimensions, " are accepted");
  for (std::uint32_t i = 0; i < dimensions; ++i) {
    const auto size = in.number<std::uint64_t>("a tensor's shape");
    require(std::in_range<std::int64_t>(size), what, " has a dimension of ", size,
            "; no file can hold as much");
    info.shape.insert(info.shape.begin(), static_cast<std::int64_t>(size));
  }
  info.dtype = tensor_type(in.number<std::uint32_t>("a tensor's type"), what);
  info.bytes = tensor_bytes(info.dtype, info.shape, what);
  info.offset = in.number<std::uint64_t>("a tensor's offset");
  return info;
}

std::uint64_t padded(std::uint64_t bytes, std::uint64_t alignment) {
  return (bytes + alignment - 1) & ~(alignment - 1);
}

/// Tensors must follow each other, each at the first aligned byte. Sums cannot overflow: each
/// tensor lies within the file before it is added.
void check_layout(const std::vector<TensorInfo>& tensors, std::uint64_t data_bytes,
                  std::uint32_t alignment, const std::string& where) {
  std::uint64_t next = 0;
  for (const auto& tensor : tensors) {
    const auto what = [&] { return concat(where, ": tensor '", printable(tensor.name), "'"); };
    if (tensor.offset % alignment != 0) {
      fail(what(), " begins at byte ", tensor.offset, " of the data, which is not a multiple of ",
           alignment, ", the alignment");
    }
    if (tensor.offset != next) {
      fail(what(), " begins at byte ", tensor.offset, " of the data; expected ", next,
           tensor.offset < next ? ", where the one before it ends; they overlap"
                                : ", where the one before it ends; there is a hole");
    }
    if (next > data_bytes || tensor.bytes > data_bytes - next) {
      fail(what(), " needs ", tensor.bytes, " bytes from byte ", next,
           " of the data on, but the file holds ", data_bytes,
           " data bytes; the download may be incomplete");
    }
    next += padded(tensor.bytes, alignment);
  }
}

}  // namespace

GgufFile::GgufFile(const fs::path& path) : file_(path) {
  const std::string where = printable(path.string(), 400);
  require_real_file(file_.text(), where);
  Cursor in(file_.text(), where);
  const Header header = read_header(in);
  version_ = header.version;

  for (std::uint64_t i = 0; i < header.entries; ++i) {
    entries_.push_back(read_entry(in));
    const auto& entry = entries_.back();
    require(places_.emplace(entry.key, i).second, where, ": metadata '", printable(entry.key),
            "' occurs twice");
    if (entry.key == kGgufAlignmentKey) alignment_ = alignment_of(entry, where);
  }

  std::set<std::string, std::less<>> names;
  for (std::uint64_t i = 0; i < header.tensors; ++i) {
    tensors_.push_back(read_tensor(in));
    const auto& tensor = tensors_.back();
    require(names.insert(tensor.name).second, where, ": tensor '", printable(tensor.name),
            "' occurs twice");
  }
  if (tensors_.empty()) return;

  const std::uint64_t data_start = padded(in.position(), alignment_);
  require(data_start <= file_.size(), where, ": its data would begin at byte ", data_start,
          ", but the file has ", file_.size(), " bytes; the download may be incomplete");
  check_layout(tensors_, file_.size() - data_start, alignment_, where);
  for (auto& tensor : tensors_) tensor.offset += data_start;
}

}  // namespace gptkit
