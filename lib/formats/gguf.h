#pragma once
// GGUF files, read through a memory map. The format (https://github.com/ggml-org/ggml/blob/master/
// docs/gguf.md), versions 2 and 3, which differ only in that 3 may also be big endian (refused):
//
//   "GGUF"  version uint32  n_tensors uint64  n_metadata uint64
//   n_metadata x  key STRING  type uint32  VALUE
//   n_tensors x   name STRING  n_dimensions uint32  that many sizes uint64, the innermost first
//                 type uint32  offset uint64 from the start of the data
//   zeros up to a multiple of the alignment; the data, each tensor followed by such zeros
//
// A STRING is its length in bytes (uint64) and the bytes. An array VALUE is the type of its
// elements (uint32), their count (uint64) and the elements; a bool is one byte, 0 or 1. The
// alignment is the metadata `general.alignment` (uint32, a power of two), else 32.
//
// As in GGML's own reader the tensors must lie in the order of their list, without holes; an array
// of arrays is refused. Limits: 65,536 metadata entries, keys of 65,535 bytes, arrays of 2^30
// elements, 2^20 tensors, names of 255 bytes (GGML: 63), 4 dimensions. The zeros behind the last
// tensor may be missing.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/files.h"
#include "formats/weight_file.h"

namespace gptkit {

inline constexpr std::string_view kGgufMagic = "GGUF";
inline constexpr const char* kGgufAlignmentKey = "general.alignment";
inline constexpr std::uint32_t kGgufAlignment = 32;  ///< unless the metadata say otherwise

/// The format's numbers for the types of metadata.
enum class GgufType : std::uint32_t {
  kUInt8 = 0,
  kInt8 = 1,
  kUInt16 = 2,
  kInt16 = 3,
  kUInt32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUInt64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

/// "uint32", "string" ...
std::string_view name(GgufType type);

/// A metadata value in the type that it has in the file; a vector is an array.
using GgufValue =
    std::variant<std::uint8_t, std::int8_t, std::uint16_t, std::int16_t, std::uint32_t,
                 std::int32_t, float, bool, std::string, std::uint64_t, std::int64_t, double,
                 std::vector<std::uint8_t>, std::vector<std::int8_t>, std::vector<std::uint16_t>,
                 std::vector<std::int16_t>, std::vector<std::uint32_t>, std::vector<std::int32_t>,
                 std::vector<float>, std::vector<bool>, std::vector<std::string>,
                 std::vector<std::uint64_t>, std::vector<std::int64_t>, std::vector<double>>;

struct GgufField {
  std::string key;
  GgufValue value;
  bool operator==(const GgufField&) const = default;
};

/// A metadata value as it lies in the mapped file; checked, not copied.
struct GgufEntry {
  std::string_view key;
  GgufType type = GgufType::kUInt8;  ///< of the value; for an array of its elements
  bool is_array = false;
  std::uint64_t count = 1;  ///< elements of the array
  std::string_view bytes;   ///< the elements; strings with their lengths
};

/// An open file, checked as a whole when it is opened: every tensor it lists lies within it.
class GgufFile final : public WeightFile {
 public:
  explicit GgufFile(const fs::path& path);

  /// In the order of their bytes. Shapes are row-major like PyTorch's: the innermost size last.
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  std::span<const std::byte> bytes(const TensorInfo& tensor) const override {
    return file_.bytes().subspan(tensor.offset, tensor.bytes);
  }
  void release(const TensorInfo& tensor) const override { file_.release(bytes(tensor)); }
  const fs::path& path() const override { return file_.path(); }
  std::uint32_t version() const { return version_; }
  std::uint32_t alignment() const { return alignment_; }

  /// All metadata in the order of the file, as views of it.
  const std::vector<GgufEntry>& entries() const { return entries_; }
  /// A copy with the type of the file, for GgufWriter.
  GgufValue value(const GgufEntry& entry) const;
  /// One line for people: `[a, b, c, ... 50257 strings]`, texts in at most about 60 bytes.
  std::string shown(const GgufEntry& entry) const;

  /// Metadata by key. Each fails naming the file and the key when it has another type or the value
  /// does not fit; without a fallback also when the key is absent. Any integer type is an integer,
  /// and any number type but bool a number.
  bool has(std::string_view key) const { return find(key) != nullptr; }
  std::int64_t integer(std::string_view key) const;
  std::int64_t integer(std::string_view key, std::int64_t fallback) const;
  double number(std::string_view key) const;
  double number(std::string_view key, double fallback) const;
  bool boolean(std::string_view key) const;
  bool boolean(std::string_view key, bool fallback) const;
  std::string text(std::string_view key) const;
  std::string text(std::string_view key, std::string_view fallback) const;
  std::vector<std::string> texts(std::string_view key) const;
  std::vector<double> numbers(std::string_view key) const;
  std::vector<std::int64_t> integers(std::string_view key) const;

 private:
  MappedFile file_;
  std::uint32_t version_ = 0, alignment_ = kGgufAlignment;
  std::vector<GgufEntry> entries_;
  std::map<std::string_view, std::size_t> places_;  // key -> place in entries_
  std::vector<TensorInfo> tensors_;

  const GgufEntry* find(std::string_view key) const;
  const GgufEntry& at(std::string_view key) const;
  std::string what(const GgufEntry& entry) const;
};

}  // namespace gptkit
