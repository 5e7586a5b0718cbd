#include "formats/gguf_writer.h"

#include <algorithm>
#include <bit>
#include <set>
#include <type_traits>
#include <variant>

#include "base/error.h"
#include "formats/gguf_types.h"

namespace gptkit {
namespace {

using gguf_detail::kTensorTypes;
using gguf_detail::type_of;

constexpr std::uint32_t kVersion = 3;
constexpr std::size_t kMaxKey = 65535;
constexpr std::size_t kMaxName = 63;  // GGML's own limit, narrower than that of our reader
constexpr std::size_t kMaxDimensions = 4;

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

template <class T>
void append(std::string& out, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    out += static_cast<char>(value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    append(out, std::uint64_t{value.size()});
    out += value;
  } else {
    static_assert(std::is_arithmetic_v<T> || std::is_enum_v<T>);
    out.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
}

template <class T>
void append_typed(std::string& out, const T& value) {
  if constexpr (IsVector<T>::value) {
    using Element = typename T::value_type;
    append(out, GgufType::kArray);
    append(out, type_of<Element>());
    append(out, std::uint64_t{value.size()});
    for (const Element& element : value) append(out, element);
  } else {
    append(out, type_of<T>());
    append(out, value);
  }
}

void append_metadata(std::string& out, const std::vector<GgufField>& metadata,
                     const std::string& where) {
  std::set<std::string_view> keys;
  for (const auto& [key, value] : metadata) {
    require(!key.empty() && key.size() <= kMaxKey, where, ": a metadata key has ", key.size(),
            " bytes; expected 1 to ", kMaxKey);
    require(keys.insert(key).second, where, ": metadata '", printable(key), "' is listed twice");
    append(out, key);
    std::visit([&](const auto& held) { append_typed(out, held); }, value);
  }
}

std::uint32_t alignment_of(const std::vector<GgufField>& metadata, const std::string& where) {
  const auto field = std::find_if(metadata.begin(), metadata.end(), [](const GgufField& candidate) {
    return candidate.key == kGgufAlignmentKey;
  });
  if (field == metadata.end()) return kGgufAlignment;
  const auto* alignment = std::get_if<std::uint32_t>(&field->value);
  require(alignment && std::has_single_bit(*alignment), where, ": ", kGgufAlignmentKey,
          " must be a uint32 and a power of two");
  return *alignment;
}

std::uint32_t type_id(DType dtype, const std::string& what) {
  const auto type = std::find_if(kTensorTypes.begin(), kTensorTypes.end(),
                                 [&](const auto& candidate) { return candidate.dtype == dtype; });
  require(type != kTensorTypes.end(), what, " has the dtype ", name(dtype),
          ", which GGUF does not have; it has ", gguf_detail::supported_tensor_types());
  return type->id;
}

void append_tensor(std::string& out, const TensorSpec& tensor, std::uint64_t offset,
                   const std::string& what) {
  require(!tensor.name.empty() && tensor.name.size() <= kMaxName, what, " has a name of ",
          tensor.name.size(), " bytes; expected 1 to ", kMaxName);
  require(tensor.shape.size() <= kMaxDimensions, what, " has ", tensor.shape.size(),
          " dimensions; GGUF has at most ", kMaxDimensions);
  append(out, tensor.name);
  append(out, static_cast<std::uint32_t>(tensor.shape.size()));
  for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) append(out, *size);
  append(out, type_id(tensor.dtype, what));
  append(out, offset);
}

std::uint64_t padding(std::uint64_t bytes, std::uint64_t alignment) {
  return (alignment - bytes % alignment) % alignment;
}

}  // namespace

GgufWriter::GgufWriter(const fs::path& path, const std::vector<GgufField>& metadata,
                       const std::vector<TensorSpec>& tensors)
    : path_(path), file_(path) {
  const std::string where = printable(path.string(), 400);
  const std::uint32_t alignment = alignment_of(metadata, where);
  std::string head(kGgufMagic);
  append(head, kVersion);
  append(head, std::uint64_t{tensors.size()});
  append(head, std::uint64_t{metadata.size()});
  append_metadata(head, metadata, where);

  constexpr std::uint64_t kMaxFile = std::uint64_t{1} << 62;
  std::uint64_t next = 0;
  for (const auto& tensor : tensors) {
    const std::string what = concat(where, ": tensor '", printable(tensor.name), "'");
    const std::uint64_t bytes = tensor_bytes(tensor.dtype, tensor.shape, what);
    require(bytes <= kMaxFile - next, what, " makes the file larger than any can be");
    require(places_.emplace(tensor.name, Place{next, bytes, false}).second, what,
            " is listed twice");
    append_tensor(head, tensor, next, what);
    if (bytes > 0) padded_ = bytes % alignment == 0;
    next += bytes + padding(bytes, alignment);
    require(next <= kMaxFile, what, " makes the file larger than any can be");
  }

  head.append(padding(head.size(), alignment), '\0');
  file_.write(head);
  end_ = head.size() + next;
  for (auto& [name, place] : places_) place.offset += head.size();
}

void GgufWriter::write(std::string_view name, std::span<const std::byte> bytes) {
  const auto found = places_.find(name);
  require(found != places_.end(), printable(path_.string(), 400), ": tensor '", printable(name),
          "' is not in the list of the file");
  Place& place = found->second;
  require(!place.written, printable(path_.string(), 400), ": tensor '", printable(name),
          "' was already written");
  require(bytes.size() == place.bytes, printable(path_.string(), 400), ": tensor '",
          printable(name), "' has ", bytes.size(), " bytes; its shape and dtype need ",
          place.bytes);
  place.written = true;
  file_.write_at(place.offset, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

void GgufWriter::commit() {
  for (const auto& [name, place] : places_) {
    require(place.written, printable(path_.string(), 400), ": tensor '", printable(name),
            "' was never written");
  }
  // Between tensors the file system fills up with zeros; behind the last one that takes a byte.
  if (!padded_) file_.write_at(end_ - 1, std::string_view("\0", 1));
  file_.commit();
}

}  // namespace gptkit
