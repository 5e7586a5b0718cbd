#pragma once
// Model checkpoints of llm.c (https://github.com/karpathy/llm.c, train_gpt2.py, write_model): a
// header of 256 int32 - magic 20240326, version (3: float32, 5: bfloat16), longest sequence,
// vocabulary, layers, heads, channels, padded vocabulary, zeros -, then the tensors without gaps,
// each kind for all layers in turn, to the end of the file. Matrices are (out, in).

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "formats/weight_file.h"

namespace gptkit {

/// The header's sizes.
struct LlmcShape {
  std::int64_t max_seq_len = 0;
  std::int64_t vocab_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t num_heads = 0;
  std::int64_t channels = 0;
  /// Rows of the token embedding in the file; 0 when writing: the next multiple of 128.
  std::int64_t padded_vocab_size = 0;

  bool operator==(const LlmcShape&) const = default;
};

/// An open file, whose size is exactly what its header asks for.
///
/// The tensors carry Hugging Face's names for GPT-2, "transformer.h.0.attn.c_attn.weight", but the
/// matrices lie as in the file: (out, in), (3C, C) in the example. The token embedding
/// "transformer.wte.weight" has vocab_size rows, without the padding; it is the output head too.
class LlmcFile final : public WeightFile {
 public:
  explicit LlmcFile(const fs::path& path);

  const LlmcShape& shape() const { return shape_; }
  /// In the order of their bytes.
  const std::vector<TensorInfo>& tensors() const override { return tensors_; }
  std::span<const std::byte> bytes(const TensorInfo& tensor) const override {
    return file_.bytes().subspan(tensor.offset, tensor.bytes);
  }
  void release(const TensorInfo& tensor) const override { file_.release(bytes(tensor)); }
  const fs::path& path() const override { return file_.path(); }

 private:
  MappedFile file_;
  LlmcShape shape_;
  std::vector<TensorInfo> tensors_;
};

/// Writes a file that appears whole or not at all (AtomicFile).
class LlmcWriter {
 public:
  /// `dtype` is float32 or bfloat16.
  LlmcWriter(const fs::path& path, const LlmcShape& shape, DType dtype);

  /// The tensors that the file needs, in the order of their bytes.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  /// The whole content of one tensor in the file's dtype, each once, in any order. Nothing is kept
  /// in memory.
  void write(std::string_view name, std::span<const std::byte> bytes);
  /// Fails if a tensor was not written.
  void commit();

 private:
  AtomicFile file_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string_view, const TensorInfo*> missing_;  // not written yet
};

}  // namespace gptkit
