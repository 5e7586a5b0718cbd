#pragma once
// PyTorch's .bin, .pt and .pth: a dict of tensors as torch.save writes it, read without executing
// anything. Both containers: the zip archive of PyTorch 1.6 and later (NAME/data.pkl, one entry
// NAME/data/KEY for each storage), and the file before it (five pickles: magic number, protocol
// version 1001, facts about the system, the object, the storages' keys; then each storage: the
// count of its elements in 8 bytes, the elements).

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include "base/checksum.h"
#include "base/files.h"
#include "formats/weight_file.h"

namespace gptkit {

/// An open file. Its tensors are those of the members `model`, `state_dict` or
/// `model_state_dict` of the outermost dict, or of that dict itself when none of these holds
/// tensors; everything else (an optimizer's state, settings, counters) is passed over. Tensors may
/// share their storage and be views with strides, also ones that repeat elements, as long as they
/// show no more elements than the storage holds.
///
/// Structure and pickle are checked when the file is opened, the pickle's checksum too; that of a
/// storage when its bytes are first asked for. The older container has no checksums.
class TorchCheckpoint final : public WeightFile {
 public:
  explicit TorchCheckpoint(const fs::path& path);

  /// In the order of the dict.
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  /// Fails when the storage's checksum is wrong.
  std::span<const std::byte> bytes(const TensorInfo& tensor) const override;
  void release(const TensorInfo& tensor) const override {
    file_.release(file_.bytes().subspan(tensor.offset, tensor.bytes));
  }
  const fs::path& path() const override { return file_.path(); }

 private:
  MappedFile file_;
  std::vector<TensorInfo> tensors_;
  ChecksummedParts storages_;
};

}  // namespace gptkit
