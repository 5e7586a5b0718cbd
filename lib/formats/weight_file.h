#pragma once
// A file of tensors, whatever its format: each format has a class of its own that checks the whole
// file when it is opened, so that every tensor listed lies within it.

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include "formats/tensor_info.h"

namespace gptkit {

class WeightFile {
 public:
  virtual ~WeightFile() = default;

  virtual const std::vector<TensorInfo>& tensors() const = 0;
  /// The bytes of one of tensors(): a view that lives as long as this object; not necessarily
  /// aligned. With strides: from the first element to the end of the last.
  virtual std::span<const std::byte> bytes(const TensorInfo& tensor) const = 0;
  /// Takes a tensor's bytes out of this process's memory; they are read again when next touched.
  virtual void release(const TensorInfo& /*tensor*/) const {}
  /// The path that messages show.
  virtual const std::filesystem::path& path() const = 0;
};

}  // namespace gptkit
