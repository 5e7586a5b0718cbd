#include "weights/model_source.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <functional>
#include <optional>

#include "base/error.h"
#include "base/log.h"
#include "formats/gguf.h"
#include "formats/gguf_parts.h"
#include "formats/llmc.h"
#include "formats/safetensors.h"
#include "formats/shards.h"
#include "formats/tensorflow_checkpoint.h"
#include "formats/torch_checkpoint.h"
#include "models/tensor_names.h"
#include "text/gguf_vocabulary.h"
#include "weights/gguf_config.h"
#include "weights/gguf_names.h"
#include "weights/gguf_tokenizer.h"
#include "weights/hugging_face_config.h"
#include "weights/hugging_face_names.h"
#include "weights/llmc.h"
#include "weights/openai.h"
#include "weights/tensor_files.h"

namespace gptkit {

namespace {

constexpr std::array kNames = {"gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl",
                               "smollm2-135m-instruct"};
constexpr uint64_t kMaxConfigBytes = 4 << 20;

using WeightFiles = std::vector<std::shared_ptr<const WeightFile>>;

std::string known_names() { return join(kNames); }

/// The only .gguf file of a folder, or the first part of the only model; or nothing.
std::optional<fs::path> lone_gguf(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder, code)) {
    if (entry.path().extension() == ".gguf") found.push_back(entry.path());
  }
  require(!code, "cannot read '", printable(folder.string(), 400), "': ", code.message());
  std::sort(found.begin(), found.end());
  require(found.size() <= 1 || are_gguf_parts(found), folder.string(), ": ", found.size(),
          " .gguf files in this folder; name one of them");
  if (found.empty()) return std::nullopt;
  return found.front();
}

Json read_json(const fs::path& path) {
  return parse_json(read_file(path, kMaxConfigBytes), path.string());
}

constexpr uint64_t kMaxTemplateBytes = 1 << 20;
constexpr const char* kMoreTemplates = "additional_chat_templates";

/// chat_template of tokenizer_config.json: a text, or several with names, in a list or an object.
void read_templates_of_config(const fs::path& file, ModelSource& source) {
  const auto json = read_json(file);
  if (!json.is_object() || !json.contains("chat_template")) return;
  const auto& value = json.at("chat_template");
  if (value.is_null()) return;
  const auto where = file.string() + ": chat_template";
  if (value.is_string()) {
    source.chat_template = value.get<std::string>();
    return;
  }
  std::string names;
  const auto add = [&](const std::string& name, const Json& text) {
    require(text.is_string(), where, ": '", printable(name), "' is not a string");
    names += (names.empty() ? "" : ", ") + name;
    if (name == "default") source.chat_template = text.get<std::string>();
  };
  if (value.is_object()) {
    for (const auto& [name, text] : value.items()) add(name, text);
  } else {
    require(value.is_array(), where, " is neither a string nor a list of named templates");
    for (const auto& item : value) {
      require(item.is_object(), where, ": expected objects with name and template");
      add(json_string(item, "name", where), item.value("template", Json()));
    }
  }
  if (source.chat_template.empty() && !names.empty()) {
    source.chat_template_problem =
        concat(where, ": the model has the templates ", printable(names),
               " and no default one; write the template to use to chat_template.jinja");
  }
}

/// The template of a folder: chat_template.jinja takes precedence over tokenizer_config.json.
void read_chat_template(const fs::path& folder, ModelSource& source) {
  try {
    if (is_there(folder / "chat_template.jinja")) {
      source.chat_template = read_file(folder / "chat_template.jinja", kMaxTemplateBytes);
    } else if (is_there(folder / "tokenizer_config.json")) {
      read_templates_of_config(folder / "tokenizer_config.json", source);
    }
  } catch (const Error& error) {
    source.chat_template_problem = error.what();
  }
  std::error_code code;
  for (const auto& entry : fs::directory_iterator(folder / kMoreTemplates, code)) {
    if (entry.path().extension() != ".jinja") continue;
    source.more_chat_templates.emplace_back(entry.path().stem().string(),
                                            read_file(entry.path(), kMaxTemplateBytes));
  }
  std::sort(source.more_chat_templates.begin(), source.more_chat_templates.end());
}

/// The weight files of a folder: safetensors before PyTorch's.
WeightFiles folder_files(const fs::path& folder) {
  constexpr const char *kBin = "pytorch_model.bin", *kSafetensors = "model.safetensors";
  const auto has = [&](const std::string& name) {
    return is_there(folder / name) || is_there(folder / (name + ".index.json"));
  };
  WeightFiles files;
  if (has(kSafetensors)) {
    for (const auto& path : shards(folder, kSafetensors)) {
      files.push_back(std::make_shared<SafetensorsFile>(path));
    }
    return files;
  }
  require(has(kBin), folder.string(),
          ": no weights; expected model.safetensors or pytorch_model.bin, or shards of them with "
          "their .index.json");
  for (const auto& path : shards(folder, kBin)) {
    files.push_back(std::make_shared<TorchCheckpoint>(path));
  }
  return files;
}

/// The tensors of source.files under the names of their files.
TensorMap file_tensors(const ModelSource& source) {
  TensorMap tensors;
  for (const auto& file : source.files) add_file(tensors, file);
  return tensors;
}

/// The stored head takes precedence over the config, as in transformers.
void settle_head(ModelSource& source, const std::string& config_file) {
  const auto embedding = hugging_face_layer(source.config, "token_embedding") + ".weight";
  const auto head = hugging_face_layer(source.config, "head") + ".weight";
  if (source.is_classifier()) {
    source.config.tie_embeddings = true;  // no vocabulary head is used
    return;
  }
  if (!source.config.tie_embeddings || !source.tensors.contains(head)) return;
  if (!source.tensors.contains(embedding)) {
    source.tensors.add(embedding, source.tensors.source(head));
    return;
  }
  const auto& stored = source.tensors.source(head);
  if (same_values(stored, source.tensors.source(embedding))) return;
  log_warning(config_file, ": tie_word_embeddings is true, but ", source.tensors.where(), " has ",
              head, " that differs from ", embedding,
              "; the stored head is used. Set tie_word_embeddings to false");
  source.config.tie_embeddings = false;
  source.json["tie_word_embeddings"] = false;
}

/// A model with a config.json; `files` contain its tensors.
ModelSource open_hugging_face(const fs::path& folder,
                              const std::function<WeightFiles()>& open_files) {
  ModelSource source;
  source.path = folder;
  const auto config_file = folder / "config.json";
  source.json = read_json(config_file);
  source.config = config_from_json(source.json, config_file.string());
  source.files = open_files();
  source.tensors = own_names(file_tensors(source), source.config);
  settle_head(source, config_file.string());
  read_chat_template(folder, source);
  return source;
}

ModelSource open_gguf(const fs::path& path) {
  const auto parts = open_gguf_parts(path);
  const auto& first = *parts.front();
  ModelSource source;
  source.format = ModelFormat::kGguf;
  source.path = path;
  source.files.assign(parts.begin(), parts.end());
  const auto tensors = file_tensors(source);
  source.config = config_from_gguf(first, tensors);
  source.tensors = hugging_face_from_gguf(source.config, tensors);
  source.chat_template = first.text("tokenizer.chat_template", "");
  return source;
}

ModelSource open_llmc(const fs::path& path) {
  const auto file = std::make_shared<LlmcFile>(path);
  ModelSource source;
  source.format = ModelFormat::kLlmc;
  source.path = path;
  source.files = {file};
  source.config = config_from_llmc(file->shape());
  source.tensors = hugging_face_from_llmc(source.config, file_tensors(source));
  return source;
}

ModelSource open_openai(const fs::path& folder) {
  ModelSource source;
  source.format = ModelFormat::kOpenAi;
  source.path = folder;
  const auto hparams = folder / "hparams.json";
  source.config = config_from_openai(read_json(hparams), hparams.string());
  source.files = {std::make_shared<TensorFlowCheckpoint>(folder)};
  source.tensors = hugging_face_from_openai(source.config, file_tensors(source));
  return source;
}

ModelSource open_folder(const fs::path& folder) {
  if (is_there(folder / "config.json")) {
    return open_hugging_face(folder, [&] { return folder_files(folder); });
  }
  if (is_there(folder / "hparams.json")) return open_openai(folder);
  if (const auto gguf = lone_gguf(folder)) return open_gguf(*gguf);
  require(
      !is_there(folder / "adapter_config.json"), folder.string(),
      ": this is a LoRA adapter, not a model; use the model that its adapter_config.json names");
  fail(folder.string(),
       ": the folder has no config.json, hparams.json or .gguf file; a run's finished model is in "
       "its model/ folder");
}

bool is_llmc(std::string_view text) {
  constexpr int32_t kMagic = 20240326;
  int32_t magic = 0;
  if (text.size() < sizeof(magic)) return false;
  std::memcpy(&magic, text.data(), sizeof(magic));
  return magic == kMagic;
}

/// The format of a file by its first bytes.
enum class FileKind { kGguf, kLlmc, kTorch, kSafetensors };

FileKind kind_of(const fs::path& path) {
  require(is_regular(path), printable(path.string(), 400),
          ": not a regular file; a model is read with random access, so write it to a file first");
  constexpr std::string_view kZip = "PK\x03\x04", kPickle = "\x80\x02";
  const MappedFile file(path);
  const auto text = file.text();
  if (text.starts_with(kGgufMagic)) return FileKind::kGguf;
  if (text.starts_with(kZip) || text.starts_with(kPickle)) return FileKind::kTorch;
  if (text.size() > 8 && text[8] == '{') return FileKind::kSafetensors;
  if (is_llmc(text)) return FileKind::kLlmc;
  require_real_file(text, printable(path.string(), 400));
  fail(path.string(),
       ": not a weight file; expected GGUF, safetensors, PyTorch's .bin or .pth, or llm.c's .bin");
}

ModelSource open_file(const fs::path& path) {
  const auto kind = kind_of(path);
  if (kind == FileKind::kGguf) return open_gguf(path);
  if (kind == FileKind::kLlmc) return open_llmc(path);
  // The weights alone do not determine the model.
  const auto folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const auto config_file = folder / "config.json";
  require(is_there(config_file), path.string(), ": the shape of this model is not known; put its ",
          "config.json beside it");
  return open_hugging_face(folder, [&] { return WeightFiles{open_weight_file(path)}; });
}

}  // namespace

std::string_view name(ModelFormat format) {
  constexpr std::array kFormatNames = {"hf", "openai", "gguf", "llmc"};
  return kFormatNames[static_cast<size_t>(format)];
}

std::shared_ptr<const WeightFile> open_weight_file(const fs::path& path) {
  switch (kind_of(path)) {
    case FileKind::kGguf:
      return std::make_shared<GgufFile>(path);
    case FileKind::kLlmc:
      return std::make_shared<LlmcFile>(path);
    case FileKind::kTorch:
      return std::make_shared<TorchCheckpoint>(path);
    case FileKind::kSafetensors:
      return std::make_shared<SafetensorsFile>(path);
  }
  fail(path.string(), ": not a weight file");
}

bool is_model_file(const fs::path& path) {
  const auto kind = kind_of(path);
  return kind == FileKind::kGguf || kind == FileKind::kLlmc;
}

fs::path model_path(const std::string& name_or_path) {
  const bool is_name = std::find(kNames.begin(), kNames.end(), name_or_path) != kNames.end();
  if (is_name && !is_there(name_or_path)) {
    auto folder = gptkit_home() / name_or_path;
    const bool there =
        is_there(folder / "config.json") || (is_folder(folder) && lone_gguf(folder).has_value());
    require(there, "model '", name_or_path, "': ", folder.string(),
            " holds no model; fetch it with: bash third_party/setup.sh --weights ", name_or_path);
    return folder;
  }
  require(is_there(name_or_path), "model '", printable(name_or_path),
          "': no such file or folder; expected a model folder, a .gguf file, llm.c's .bin, or ",
          known_names());
  return name_or_path;
}

ModelSource open_model(const std::string& name_or_path) {
  const auto path = model_path(name_or_path);
  auto source = is_folder(path) ? open_folder(path) : open_file(path);
  if (source.json.is_null()) source.json = config_to_json(source.config, "float32");
  return source;
}

std::shared_ptr<const Tokenizer> open_tokenizer(const ModelSource& source) {
  std::shared_ptr<const Tokenizer> tokenizer;
  if (source.format == ModelFormat::kGguf) {
    const auto& file = dynamic_cast<const GgufFile&>(*source.files.front());
    tokenizer = tokenizer_from_gguf(gguf_vocabulary(file), source.path.string());
  } else {
    const bool own = source.format != ModelFormat::kLlmc;
    tokenizer = load_tokenizer(own ? source.path.string() : "gpt2");
  }
  require(tokenizer->vocab_size() <= source.config.vocab_size, source.path.string(),
          ": the tokenizer has ", tokenizer->vocab_size(), " tokens but the model only ",
          source.config.vocab_size, "; tokenizer and model do not match");
  return tokenizer;
}

TokenRoles open_token_roles(const ModelSource& source, const Tokenizer& tokenizer) {
  if (source.format == ModelFormat::kLlmc) return {};
  if (source.format == ModelFormat::kGguf) {
    const auto& file = dynamic_cast<const GgufFile&>(*source.files.front());
    return roles_from_gguf(gguf_vocabulary(file), tokenizer, source.path.string());
  }
  return read_token_roles(source.path, source.json, tokenizer, source.config.vocab_size);
}

std::vector<std::pair<std::string, std::string>> special_token_texts(const TokenRoles& roles,
                                                                     const Tokenizer& tokenizer) {
  std::vector<std::pair<std::string, std::string>> texts;
  const auto add = [&](const char* role, const std::optional<TokenId>& id) {
    if (id) texts.emplace_back(role, tokenizer.vocabulary_text(*id));
  };
  add("bos_token", roles.begin ? roles.begin : tokenizer.begin_of_text());
  add("eos_token", roles.end ? roles.end : tokenizer.end_of_text());
  add("pad_token", roles.pad);
  add("unk_token", roles.unknown);
  return texts;
}

}  // namespace gptkit
