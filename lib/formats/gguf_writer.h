#pragma once
// Writes GGUF files, version 3, little endian (formats/gguf.h has the layout). They appear whole or
// not at all (AtomicFile), and the same input gives the same bytes.

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "formats/gguf.h"

namespace gptkit {

class GgufWriter {
 public:
  /// Metadata and tensors stay in this order. The alignment is 32, or what the metadata say under
  /// `general.alignment`. Fails for what GGML would not read back: keys or names that repeat, are
  /// empty or too long (65,535 and 63 bytes), more than 4 dimensions, a dtype without a type there.
  GgufWriter(const fs::path& path, const std::vector<GgufField>& metadata,
             const std::vector<TensorSpec>& tensors);

  /// The whole content of one tensor, each once, in any order. Nothing is kept in memory.
  void write(std::string_view name, std::span<const std::byte> bytes);
  /// Fails if a tensor was not written.
  void commit();

 private:
  struct Place {
    std::uint64_t offset, bytes;
    bool written;
  };
  fs::path path_;
  AtomicFile file_;
  std::map<std::string, Place, std::less<>> places_;
  std::uint64_t end_ = 0;  // of the file, the last tensor's padding included
  bool padded_ = true;     // the last byte does not lie in a tensor's padding
};

}  // namespace gptkit
