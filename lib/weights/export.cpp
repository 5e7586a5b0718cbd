#include "weights/export.h"

#include <map>

#include "base/error.h"
#include "base/progress.h"
#include "base/quantization.h"
#include "formats/gguf_writer.h"
#include "formats/llmc.h"
#include "models/family.h"
#include "weights/bundle.h"
#include "weights/gguf_config.h"
#include "weights/gguf_names.h"
#include "weights/gguf_tokenizer.h"
#include "weights/hugging_face_names.h"
#include "weights/llmc.h"

namespace gptkit {

namespace {

std::span<const std::byte> bytes_of(const torch::Tensor& contiguous) {
  return {static_cast<const std::byte*>(contiguous.const_data_ptr()), contiguous.nbytes()};
}

/// GGUF: the stored type of a tensor of this shape.
DType gguf_dtype(const std::string& name, const std::vector<int64_t>& shape, DType wanted) {
  if (shape.size() < 2 || name == "position_embd.weight") return DType::kFloat32;
  const auto block = static_cast<int64_t>(block_of(wanted).elements);
  return shape.back() % block == 0 ? wanted : DType::kFloat16;
}

/// llama.cpp's number for the type of most tensors (enum llama_ftype).
uint32_t gguf_file_type(DType dtype) {
  static const std::map<DType, uint32_t> kTypes = {{DType::kFloat32, 0},
                                                   {DType::kFloat16, 1},
                                                   {DType::kQ4_0, 2},
                                                   {DType::kQ8_0, 7},
                                                   {DType::kBFloat16, 32}};
  const auto found = kTypes.find(dtype);
  require(found != kTypes.end(), "GGUF files are written in float32, float16, bfloat16, q8_0 or ",
          "q4_0, not in ", name(dtype));
  return found->second;
}

void write_gguf_tensor(GgufWriter& writer, const std::string& tensor, const TensorSource& source,
                       DType dtype) {
  if (!is_quantized(dtype)) {
    writer.write(tensor, bytes_of(cast(source, scalar_type(dtype), tensor).load().contiguous()));
    return;
  }
  const auto values = source.load().to(torch::kFloat32).contiguous();
  std::vector<std::byte> blocks(tensor_bytes(dtype, source.shape, tensor));
  quantize(dtype, {values.const_data_ptr<float>(), static_cast<size_t>(values.numel())}, blocks);
  writer.write(tensor, blocks);
}

std::string title_of(const ModelSource& source) {
  auto path = fs::weakly_canonical(source.path);
  if (path.filename() == "model") path = path.parent_path();
  return path.stem().string();
}

/// The input settings of a classifier that gptkit trained.
std::optional<ClassifierTokens> classifier_tokens(const ModelSource& source) {
  if (!source.is_classifier() || !source.json.contains("gptkit")) return std::nullopt;
  const auto where = source.path.string();
  const auto& ours = source.json.at("gptkit");
  if (!ours.is_object() || !ours.contains("max_tokens")) return std::nullopt;
  ClassifierTokens tokens{.max_tokens = json_int(ours, "max_tokens", where)};
  tokens.cut_left = json_string(ours, "truncate", where, "right") == "left";
  const auto pad = json_int(source.json, "pad_token_id", where, -1);
  if (pad >= 0 && pad < source.config.vocab_size) tokens.pad = static_cast<TokenId>(pad);
  return tokens;
}

}  // namespace

DType main_dtype(const ModelSource& source) {
  std::map<DType, int64_t> elements;
  for (const auto& [name, tensor] : source.tensors.sources()) {
    int64_t count = 1;
    for (const auto size : tensor.shape) count *= size;
    elements[is_quantized(tensor.stored) ? DType::kFloat32 : tensor.stored] += count;
  }
  DType most = DType::kFloat32;
  for (const auto dtype : {DType::kFloat16, DType::kBFloat16}) {
    if (elements[dtype] > elements[most]) most = dtype;
  }
  return most;
}

void export_hugging_face(const ModelSource& source, const Tokenizer& tokenizer,
                         const fs::path& folder, DType dtype) {
  const std::vector<std::string> head = source.is_classifier()
                                            ? std::vector<std::string>{"score.weight"}
                                            : std::vector<std::string>();
  save_weights(folder, model_sources(source.config, source.tensors, head),
               {.dtype = scalar_type(dtype)});
  check_mapped_files();
  auto json = source.json;
  json["torch_dtype"] = std::string(name(dtype));
  json.erase("dtype");
  const auto roles = open_token_roles(source, tokenizer);
  save_description(folder, json, source.config, tokenizer, roles, source.chat_template);
  for (const auto& [name, jinja] : source.more_chat_templates) {
    fs::create_directories(folder / "additional_chat_templates");
    write_file_atomic(folder / "additional_chat_templates" / (name + ".jinja"), jinja);
  }
  if (const auto tokens = classifier_tokens(source)) {
    write_token_roles(folder, roles, tokenizer, *tokens);
  }
}

void export_gguf(const ModelSource& source, const Tokenizer& tokenizer, const fs::path& path,
                 DType dtype) {
  require(!source.is_classifier(), source.path.string(),
          ": GGUF has no place for a class head; convert a classifier to hf");
  const auto architecture = family_of(source.config).gguf_architecture;
  require(!architecture.empty(), source.path.string(), ": family ", source.config.family,
          " has no GGUF form; choose another format");
  std::vector<GgufField> metadata = {{"general.architecture", std::string(architecture)},
                                     {"general.name", title_of(source)},
                                     {"general.file_type", gguf_file_type(dtype)},
                                     {"general.quantization_version", uint32_t{2}}};
  const auto append = [&](const std::vector<GgufField>& fields) {
    metadata.insert(metadata.end(), fields.begin(), fields.end());
  };
  append(gguf_config(source.config));
  auto vocabulary = gguf_vocabulary(tokenizer);
  add_roles(open_token_roles(source, tokenizer), vocabulary);
  append(gguf_fields(vocabulary, source.config.vocab_size));
  if (!source.chat_template.empty()) {
    metadata.push_back({"tokenizer.chat_template", source.chat_template});
  }

  const auto tensors =
      gguf_from_hugging_face(source.config, model_sources(source.config, source.tensors));
  std::vector<TensorSpec> specs;
  for (const auto& [tensor, from] : tensors) {
    specs.push_back({tensor, gguf_dtype(tensor, from.shape, dtype), from.shape});
  }
  GgufWriter writer(path, metadata, specs);
  Progress progress("writing", static_cast<int64_t>(tensors.size()), "tensors");
  for (size_t i = 0; i < tensors.size(); ++i) {
    write_gguf_tensor(writer, tensors[i].first, tensors[i].second, specs[i].dtype);
    progress.update(static_cast<int64_t>(i + 1));
  }
  check_mapped_files();
  writer.commit();
}

void export_llmc(const ModelSource& source, const fs::path& path, DType dtype) {
  require(!source.is_classifier(), source.path.string(),
          ": llm.c's format has no place for a class head; convert a classifier to hf");
  const auto tensors =
      llmc_from_hugging_face(source.config, model_sources(source.config, source.tensors));
  LlmcWriter writer(path, llmc_shape(source.config), dtype);
  Progress progress("writing", static_cast<int64_t>(tensors.size()), "tensors");
  int64_t done = 0;
  for (const auto& [tensor, from] : tensors) {
    writer.write(tensor, bytes_of(cast(from, scalar_type(dtype), tensor).load().contiguous()));
    progress.update(++done);
  }
  check_mapped_files();
  writer.commit();
}

}  // namespace gptkit
