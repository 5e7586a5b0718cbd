#include "formats/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstring>
#include <tuple>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace gptkit {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors are mapped as they lie on disk");

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeader = std::uint64_t{16} << 20;  // published models need 1 MiB
constexpr std::size_t kMaxName = 4096;
constexpr const char* kMetadata = "__metadata__";

/// In the order of the reference implementation, which writes the last first.
constexpr std::array<std::pair<std::string_view, DType>, 10> kDTypes = {{
    {"BOOL", DType::kBool},
    {"U8", DType::kUInt8},
    {"I8", DType::kInt8},
    {"I16", DType::kInt16},
    {"F16", DType::kFloat16},
    {"BF16", DType::kBFloat16},
    {"I32", DType::kInt32},
    {"F32", DType::kFloat32},
    {"F64", DType::kFloat64},
    {"I64", DType::kInt64},
}};

std::size_t rank(DType dtype) {
  const auto it = std::find_if(kDTypes.begin(), kDTypes.end(),
                               [&](const auto& entry) { return entry.second == dtype; });
  require(it != kDTypes.end(), "safetensors has no dtype ", name(dtype));
  return static_cast<std::size_t>(it - kDTypes.begin());
}

DType parse_dtype(const std::string& text, const std::string& what) {
  std::vector<std::string_view> known;
  for (const auto& [code, dtype] : kDTypes) {
    if (code == text) return dtype;
    known.push_back(code);
  }
  fail(what, " has the dtype '", printable(text), "'; supported are ", join(known));
}

/// A whole number that stands as one in the file: 2.0 is not.
std::int64_t whole(const Json& value, const std::string& what) {
  require(value.is_number_integer(), what, " holds ", printable(dump_json(value), 40),
          "; expected a whole number");
  return json_to_int(value, what);
}

/// One entry of the header; the offset still counts from the start of the data.
TensorInfo parse_tensor(const std::string& name, const Json& entry, const std::string& where,
                        std::uint64_t data_bytes) {
  require(name.size() <= kMaxName, where, ": a tensor's name has ", name.size(), " bytes; at most ",
          kMaxName, " are accepted");
  const std::string what = concat(where, ": tensor '", printable(name), "'");
  TensorInfo info{name, parse_dtype(json_string(entry, "dtype", what), what), {}, 0, 0};

  const auto list = [&](const char* key) -> const Json& {
    const auto it = entry.find(key);
    require(it != entry.end() && it->is_array(), what, " has no list '", key, "'");
    return *it;
  };
  for (const auto& size : list("shape")) info.shape.push_back(whole(size, what + ": shape"));
  info.bytes = tensor_bytes(info.dtype, info.shape, what);

  const Json& offsets = list("data_offsets");
  require(offsets.size() == 2, what, " has ", offsets.size(), " data_offsets; expected 2");
  const std::int64_t begin = whole(offsets[0], what + ": data_offsets");
  const std::int64_t end = whole(offsets[1], what + ": data_offsets");
  require(begin >= 0 && begin <= end && std::cmp_less_equal(end, data_bytes), what,
          " lies at bytes [", begin, ", ", end, ") but the file holds ", data_bytes,
          " data bytes; the download may be incomplete");
  require(std::cmp_equal(end - begin, info.bytes), what, " lies on ", end - begin,
          " bytes, but its shape and dtype need ", info.bytes);
  info.offset = static_cast<std::uint64_t>(begin);
  return info;
}

std::map<std::string, std::string> parse_metadata(const Json& entry, const std::string& where) {
  std::map<std::string, std::string> metadata;
  require(entry.is_object(), where, ": ", kMetadata, " is not an object");
  for (const auto& [key, value] : entry.items()) {
    metadata.emplace(key, json_string(entry, key, concat(where, ": ", kMetadata)));
  }
  return metadata;
}

/// Tensors in the order of their bytes must follow each other to the end.
void check_layout(const std::vector<TensorInfo>& tensors, std::uint64_t data_bytes,
                  const std::string& where) {
  std::uint64_t end = 0;
  for (const auto& tensor : tensors) {
    require(tensor.offset == end, where, ": tensor '", printable(tensor.name), "' begins at byte ",
            tensor.offset, " of the data, but the one before it ends at ", end,
            tensor.offset < end ? "; they overlap" : "; there is a hole");
    end += tensor.bytes;
  }
  require(end == data_bytes, where, ": the tensors end at byte ", end, " of ", data_bytes,
          " data bytes; the rest belongs to none");
}

}  // namespace

SafetensorsFile::SafetensorsFile(const fs::path& path) : file_(path) {
  const std::string where = printable(path.string(), 400);
  const std::string_view text = file_.text();
  require_real_file(text, where);
  require(text.size() >= kLengthBytes, where, ": ", text.size(),
          " bytes are no safetensors file; the download may be incomplete");
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, text.data(), kLengthBytes);
  require(header_bytes <= kMaxHeader, where, ": its header would have ", header_bytes,
          " bytes; at most ", kMaxHeader, " are accepted. Is it a safetensors file?");
  require(header_bytes <= text.size() - kLengthBytes, where, ": its header has ", header_bytes,
          " bytes, but the file only ", text.size(), "; the download may be incomplete");
  const std::string_view header = text.substr(kLengthBytes, header_bytes);
  require(header.starts_with('{'), where,
          ": its header does not begin with '{'; is it a "
          "safetensors file?");

  const std::uint64_t data_start = kLengthBytes + header_bytes;
  const std::uint64_t data_bytes = text.size() - data_start;
  const Json entries = parse_json(header, where + ": header");
  for (const auto& [name, entry] : entries.items()) {
    if (name == kMetadata) {
      metadata_ = parse_metadata(entry, where);
    } else {
      tensors_.push_back(parse_tensor(name, entry, where, data_bytes));
    }
  }
  // Empty tensors lie before what begins at the same byte.
  std::sort(tensors_.begin(), tensors_.end(), [](const TensorInfo& a, const TensorInfo& b) {
    return std::tie(a.offset, a.bytes, a.name) < std::tie(b.offset, b.bytes, b.name);
  });
  check_layout(tensors_, data_bytes, where);
  for (auto& tensor : tensors_) tensor.offset += data_start;
}

SafetensorsWriter::SafetensorsWriter(const fs::path& path, const std::vector<TensorSpec>& tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path) {
  auto sorted = tensors;
  std::sort(sorted.begin(), sorted.end(), [](const TensorSpec& a, const TensorSpec& b) {
    const auto rank_a = rank(a.dtype), rank_b = rank(b.dtype);
    return std::tie(rank_b, a.name) < std::tie(rank_a, b.name);
  });

  OrderedJson header = OrderedJson::object();
  if (!metadata.empty()) header[kMetadata] = metadata;
  std::uint64_t end = 0;
  for (const auto& tensor : sorted) {
    const std::string what =
        concat(printable(path.string(), 400), ": tensor '", printable(tensor.name), "'");
    const std::uint64_t begin = end;
    const std::uint64_t bytes = tensor_bytes(tensor.dtype, tensor.shape, what);
    end += bytes;
    const bool fresh = places_.emplace(tensor.name, Place{begin, bytes, false}).second;
    require(fresh && tensor.name != kMetadata, what,
            fresh ? " has a reserved name" : " is listed twice");
    // Straight into the list behind the object: its own look-up is linear.
    auto& members = static_cast<std::vector<OrderedJson::object_t::value_type>&>(
        header.get_ref<OrderedJson::object_t&>());
    members.emplace_back(tensor.name, OrderedJson{{"dtype", kDTypes[rank(tensor.dtype)].first},
                                                  {"shape", tensor.shape},
                                                  {"data_offsets", {begin, end}}});
  }

  std::string text = dump_json(header);
  text.append((kLengthBytes - text.size() % kLengthBytes) % kLengthBytes, ' ');
  const std::uint64_t length = text.size();
  require(length <= kMaxHeader, printable(path.string(), 400), ": ", tensors.size(),
          " tensors need a header of ", length, " bytes; at most ", kMaxHeader, " are accepted");
  file_.write({reinterpret_cast<const char*>(&length), kLengthBytes});
  file_.write(text);
  for (auto& [name, place] : places_) place.offset += kLengthBytes + length;
}

void SafetensorsWriter::write(std::string_view name, std::span<const std::byte> bytes) {
  const auto found = places_.find(name);
  require(found != places_.end(), "tensor '", printable(name),
          "' is not in the header of the file");
  Place& place = found->second;
  require(!place.written, "tensor '", printable(name), "' was already written");
  require(bytes.size() == place.bytes, "tensor '", printable(name), "' has ", bytes.size(),
          " bytes; its shape and dtype need ", place.bytes);
  place.written = true;
  file_.write_at(place.offset, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void SafetensorsWriter::commit() {
  for (const auto& [name, place] : places_) {
    require(place.written, "tensor '", printable(name), "' was never written");
  }
  file_.commit();
}

}  // namespace gptkit
