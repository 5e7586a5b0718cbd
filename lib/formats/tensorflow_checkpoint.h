#pragma once
// A folder with a TensorFlow checkpoint (version 2), such as those that OpenAI published GPT-2 in:
//   checkpoint                      text; names the prefix (absent: model.ckpt)
//   PREFIX.index                    names, dtypes, shapes and places: a table of LevelDB
//   PREFIX.data-00000-of-00001 ...  the tensors' bytes, row-major
// The table (https://github.com/google/leveldb/blob/main/doc/table_format.md): blocks of sorted
// keys, each block followed by a byte for its compression and its CRC-32C; at the end the places of
// two index blocks in 40 bytes, and the magic number. Its values are protocol buffers
// (tensorflow/core/protobuf/tensor_bundle.proto): under "" the header, under a tensor's name its
// entry.

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include "base/checksum.h"
#include "base/files.h"
#include "formats/weight_file.h"

namespace gptkit {

/// An open checkpoint. The index is checked when it is opened, with its checksums; a tensor's
/// checksum when its bytes are first asked for. Blocks that are compressed are refused (TensorFlow
/// writes none), and so are tensors of texts and tensors saved in slices.
class TensorFlowCheckpoint final : public WeightFile {
 public:
  explicit TensorFlowCheckpoint(const fs::path& folder);

  /// By name, as in the index. Offsets count through all data files as if they were one.
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  /// Fails when the tensor's checksum is wrong.
  std::span<const std::byte> bytes(const TensorInfo& tensor) const override;
  void release(const TensorInfo& tensor) const override;
  /// The index.
  const fs::path& path() const override { return path_; }

 private:
  struct Shard {
    MappedFile file;
    std::uint64_t begin;  ///< where it would begin if the data files were one
  };
  fs::path path_;
  std::vector<TensorInfo> tensors_;
  std::vector<Shard> shards_;
  ChecksummedParts parts_;

  /// The data file that a tensor with bytes lies in.
  const Shard& shard_of(const TensorInfo& tensor) const;
};

}  // namespace gptkit
