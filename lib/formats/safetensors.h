#pragma once
// safetensors files, read through a memory map and written as a stream. The format
// (https://huggingface.co/docs/safetensors): 8 bytes little-endian N; N bytes of JSON
//   {"__metadata__": {text: text}, NAME: {"dtype": "F32", "shape": [2, 3], "data_offsets": [b, e]}}
// (begins with '{', may end in spaces); then the data, to which the offsets refer: row-major,
// little-endian, without overlap, without holes, to the end of the file.

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "formats/weight_file.h"

namespace gptkit {

/// An open file, checked as a whole when it is opened: every tensor it lists lies within it.
class SafetensorsFile final : public WeightFile {
 public:
  explicit SafetensorsFile(const fs::path& path);

  /// In the order of their bytes.
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  std::span<const std::byte> bytes(const TensorInfo& tensor) const override {
    return file_.bytes().subspan(tensor.offset, tensor.bytes);
  }
  void release(const TensorInfo& tensor) const override { file_.release(bytes(tensor)); }
  const fs::path& path() const override { return file_.path(); }

 private:
  MappedFile file_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// Writes a file that appears whole or not at all (AtomicFile). The layout is Python's: larger
/// elements first, then by name, so every tensor is aligned and the same tensors give the same
/// bytes, in whatever order they are listed and written.
class SafetensorsWriter {
 public:
  SafetensorsWriter(const fs::path& path, const std::vector<TensorSpec>& tensors,
                    const std::map<std::string, std::string>& metadata = {{"format", "pt"}});

  /// The whole content of one tensor, each once. Nothing is kept in memory.
  void write(std::string_view name, std::span<const std::byte> bytes);
  /// Fails if a tensor was not written.
  void commit();

 private:
  struct Place {
    std::uint64_t offset, bytes;
    bool written;
  };
  AtomicFile file_;
  std::map<std::string, Place, std::less<>> places_;
};

}  // namespace gptkit
