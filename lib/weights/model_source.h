#pragma once
// A model on disk in any supported format: its shape and its tensors. Opening checks the files;
// tensors are read on use.
//
//   a Hugging Face folder   config.json with model.safetensors, pytorch_model.bin or shards of them
//   OpenAI's GPT-2 folder   hparams.json with model.ckpt.* (formats/tensorflow_checkpoint.h)
//   a GGUF file             formats/gguf.h; or a folder that holds one
//   llm.c's .bin            formats/llmc.h

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "formats/weight_file.h"
#include "models/config.h"
#include "tensors/tensor_map.h"
#include "text/token_roles.h"
#include "text/tokenizer.h"

namespace gptkit {

enum class ModelFormat { kHuggingFace, kOpenAi, kGguf, kLlmc };
std::string_view name(ModelFormat format);

struct ModelSource {
  ModelFormat format = ModelFormat::kHuggingFace;
  fs::path path;  ///< the folder or file, for messages
  ModelConfig config;
  TensorMap tensors;  ///< Hugging Face's names and orientation (weights/hugging_face_names.h)
  Json json;          ///< config.json, or the equivalent for other formats
  std::string chat_template;               ///< the model's own Jinja template; empty: none
  std::string chat_template_problem = {};  ///< why its own template cannot be used
  /// More templates by name ("tool_use"); kept when the model is converted.
  std::vector<std::pair<std::string, std::string>> more_chat_templates = {};
  std::vector<std::shared_ptr<const WeightFile>> files;  ///< with the names of their format

  bool is_classifier() const { return tensors.contains("score.weight"); }
};

/// One file of tensors by its first bytes: GGUF, llm.c's, safetensors or PyTorch's.
std::shared_ptr<const WeightFile> open_weight_file(const fs::path& path);

/// Whether a file describes its model (GGUF, llm.c), so that it needs no config.json.
bool is_model_file(const fs::path& path);

/// The path of a model given as a path or as a name (`gpt2` ...) below $GPTKIT_HOME; fails with the
/// command that would fetch it.
fs::path model_path(const std::string& name_or_path);

/// Opens a model without loading its weights.
ModelSource open_model(const std::string& name_or_path);

/// The model's own tokenizer: the folder's files, or the vocabulary inside a GGUF file; llm.c's
/// files have none and are GPT-2's. Fails when it has more tokens than the model.
std::shared_ptr<const Tokenizer> open_tokenizer(const ModelSource& source);

/// The roles of the tokenizer's tokens, from the model's files.
TokenRoles open_token_roles(const ModelSource& source, const Tokenizer& tokenizer);

/// The texts of the roles as chat templates name them: "bos_token", "eos_token" ...
std::vector<std::pair<std::string, std::string>> special_token_texts(const TokenRoles& roles,
                                                                     const Tokenizer& tokenizer);

}  // namespace gptkit
