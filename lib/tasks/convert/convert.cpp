#include "tasks/convert/convert.h"

#include <algorithm>
#include <sstream>

#include "base/error.h"
#include "base/files.h"
#include "base/owned_folder.h"
#include "base/strings.h"
#include "chat/template.h"
#include "weights/export.h"
#include "weights/model_folder.h"
#include "weights/model_source.h"

namespace gptkit {

namespace {

ConvertTo resolve(ConvertTo to, const fs::path& out) {
  if (to != ConvertTo::kAuto) return to;
  if (out.extension() == ".gguf") return ConvertTo::kGguf;
  return out.extension() == ".bin" ? ConvertTo::kLlmc : ConvertTo::kHuggingFace;
}

DType resolve(StoredAs dtype, const ModelSource& source) {
  switch (dtype) {
    case StoredAs::kSame:
      return main_dtype(source);
    case StoredAs::kFloat32:
      return DType::kFloat32;
    case StoredAs::kFloat16:
      return DType::kFloat16;
    case StoredAs::kBFloat16:
      return DType::kBFloat16;
    case StoredAs::kQ8_0:
    case StoredAs::kInt8:
      return DType::kQ8_0;
    case StoredAs::kQ4_0:
      return DType::kQ4_0;
  }
  return DType::kFloat32;
}

int64_t elements(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (const auto size : shape) count *= size;
  return count;
}

std::string shape_text(const OrderedJson& shape) {
  return "(" + join(shape.get<std::vector<int64_t>>()) + ")";
}

/// The tensors under the names of their files, in the order of their bytes; sums go into `json`.
void add_tensors(const std::vector<std::shared_ptr<const WeightFile>>& files, OrderedJson& json) {
  OrderedJson tensors = OrderedJson::array();
  int64_t total = 0;
  uint64_t bytes = 0;
  for (const auto& file : files) {
    for (const auto& info : file->tensors()) {
      total += elements(info.shape);
      bytes += info.bytes;
      tensors.push_back({{"name", info.name},
                         {"shape", info.shape},
                         {"dtype", std::string(name(info.dtype))},
                         {"bytes", info.bytes}});
    }
  }
  json["tensor_elements"] = total;
  json["tensor_bytes"] = bytes;
  json["files"] = OrderedJson::array();
  for (const auto& file : files) {
    json["files"].push_back({{"path", file->path().string()},
                             {"bytes", fs::file_size(file->path())},
                             {"sha256", sha256_of_file(file->path())}});
  }
  json["tensors"] = std::move(tensors);
}

/// "renders", or why the model's chat template does not; null: it has none.
OrderedJson chat_template_state(const ModelSource& source) {
  if (!source.chat_template_problem.empty()) return source.chat_template_problem;
  if (source.chat_template.empty()) return nullptr;
  try {
    const auto tokenizer = open_tokenizer(source);
    const auto tokens = special_token_texts(open_token_roles(source, *tokenizer), *tokenizer);
    ChatTemplate(source.chat_template, source.path.string())
        .render({{"user", "x"}}, {.add_generation_prompt = true, .special_tokens = tokens});
    return "renders";
  } catch (const Error& error) {
    return error.what();
  }
}

void add_tokenizer(const ModelSource& source, OrderedJson& json) {
  try {
    const auto tokenizer = open_tokenizer(source);
    json["tokenizer"] = {{"algorithm", tokenizer->algorithm()},
                         {"tokens", tokenizer->vocab_size()}};
    if (const auto id = tokenizer->end_of_text()) {
      json["tokenizer"]["end_of_text"] = tokenizer->token_bytes(*id);
    }
  } catch (const Error& error) {
    json["tokenizer"] = {{"problem", error.what()}};
  }
  json["chat_template"] = chat_template_state(source);
  if (json["chat_template"].is_null()) json.erase("chat_template");
}

/// The files that a model is read from, and their folder.
std::vector<fs::path> inputs_of(const ModelSource& source) {
  std::vector<fs::path> inputs = {source.path};
  for (const auto& file : source.files) inputs.push_back(file->path());
  return inputs;
}

/// Fails if OUT exists and may not be replaced.
void check_out(const ConvertConfig& config, const ModelSource& source, const fs::path& out) {
  std::error_code missing;
  if (!fs::exists(out, missing)) return;
  for (const auto& input : inputs_of(source)) {
    require(!fs::equivalent(out, input, missing), out.string(), ": IN and OUT are the same");
  }
  require_replaceable_place(out, inputs_of(source));
  const bool empty_folder = fs::is_directory(out) && fs::is_empty(out);
  require(config.overwrite || empty_folder, out.string(),
          ": exists already; choose another name or give ", Key{"overwrite"});
}

/// --overwrite replaces a model, and no other file.
void require_model_file(const fs::path& out) {
  require(!fs::is_directory(out), out.string(), ": is a folder; expected the name of a file");
  bool other = false;
  try {
    other = is_regular(out) && fs::file_size(out) > 0 && !is_model_file(out);
  } catch (const Error&) {  // not a supported format
    other = true;
  }
  require(!other, out.string(),
          ": is not a model in a format that convert writes, so it is not replaced; choose another "
          "name");
}

}  // namespace

OrderedJson run_convert(const ConvertConfig& config, const std::string& in, const fs::path& out) {
  const auto source = open_model(in);
  const auto to = resolve(config.to, out);
  const auto dtype = resolve(config.dtype, source);
  check_out(config, source, out);
  if (to == ConvertTo::kHuggingFace) {
    require(!is_quantized(dtype),
            "a folder in Hugging Face's layout is written in float32, float16 "
            "or bfloat16, not in ",
            name(dtype));
    if (is_there(out)) require_owned(out, model_folder());
    AtomicDirectory folder(out);
    export_hugging_face(source, *open_tokenizer(source), folder.path(), dtype);
    folder.commit(config.overwrite ? &model_folder() : nullptr);
  } else {
    require_model_file(out);
    if (to == ConvertTo::kGguf) export_gguf(source, *open_tokenizer(source), out, dtype);
    if (to == ConvertTo::kLlmc) export_llmc(source, out, dtype);
  }
  std::string format;
  for (const auto& [text, value] : enum_names(ConvertTo{})) {
    if (value == to) format = text;
  }
  return {{"path", out.string()},
          {"format", format},
          {"dtype", std::string(name(dtype))},
          {"parameters", parameter_count(source.config)}};
}

OrderedJson inspect_model(const std::string& name_or_path) {
  OrderedJson json;
  // A file of tensors without a config can be inspected, too.
  const fs::path path = name_or_path;
  const bool lone =
      is_regular(path) && !is_model_file(path) && !is_there(path.parent_path() / "config.json");
  if (lone) {
    json["path"] = name_or_path;
    json["format"] = "tensors";
    add_tensors({open_weight_file(path)}, json);
    return json;
  }
  const auto source = open_model(name_or_path);
  json["path"] = source.path.string();
  json["format"] = std::string(name(source.format));
  json["kind"] = source.is_classifier() ? "classifier" : "language model";
  auto config = source.config;
  json["parameters"] = parameter_count(config);
  visit_fields(config, [&](const char* key, const auto& value, const char*) {
    if constexpr (std::is_enum_v<std::decay_t<decltype(value)>>) {
      json["config"][key] = config_detail::scalar_to_yaml(value);
    } else {
      json["config"][key] = value;
    }
  });
  for (const char* training_only : {"dropout", "init"}) json["config"].erase(training_only);
  add_tokenizer(source, json);
  add_tensors(source.files, json);
  return json;
}

std::string describe_model(const OrderedJson& inspected) {
  std::ostringstream out;
  const auto line = [&](const char* key, const auto& value) {
    out << key << "\t" << printable(value, 1 << 16) << "\n";
  };
  const auto text = [](const OrderedJson& value) {
    return value.is_string() ? value.get<std::string>() : dump_json(value);
  };
  for (const char* key : {"path", "format", "kind", "config", "tokenizer", "chat_template"}) {
    if (inspected.contains(key)) line(key, text(inspected.at(key)));
  }
  if (inspected.contains("parameters")) {
    line("parameters", format_count(inspected.at("parameters").get<int64_t>()));
  }
  line("bytes", format_bytes(static_cast<double>(inspected.at("tensor_bytes").get<uint64_t>())));
  for (const auto& file : inspected.at("files")) {
    line("file", concat(text(file.at("path")), ", ", file.at("bytes").get<uint64_t>(),
                        " bytes, sha256 ", text(file.at("sha256"))));
  }
  size_t width = 0;
  for (const auto& tensor : inspected.at("tensors")) {
    width = std::max(width, text(tensor.at("name")).size());
  }
  for (const auto& tensor : inspected.at("tensors")) {
    const auto name = printable(text(tensor.at("name")), 400);
    out << name << std::string(width - std::min(width, name.size()) + 2, ' ')
        << text(tensor.at("dtype")) << "  " << shape_text(tensor.at("shape")) << "\n";
  }
  return out.str();
}

}  // namespace gptkit
