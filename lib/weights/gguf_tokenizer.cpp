#include "weights/gguf_tokenizer.h"

#include <utility>

#include "base/error.h"

namespace gptkit {

namespace {

std::string key(const char* name) { return std::string("tokenizer.ggml.") + name; }

std::optional<std::int64_t> optional_id(const GgufFile& file, const char* name) {
  if (!file.has(key(name))) return std::nullopt;
  return file.integer(key(name));
}

std::optional<bool> optional_flag(const GgufFile& file, const char* name) {
  if (!file.has(key(name))) return std::nullopt;
  return file.boolean(key(name));
}

}  // namespace

GgufVocabulary gguf_vocabulary(const GgufFile& file) {
  require(file.has(key("model")), file.path().string(), ": no tokenizer in this file (no ",
          key("model"), ")");
  GgufVocabulary v;
  v.model = file.text(key("model"));
  v.pre = file.text(key("pre"), "");
  v.tokens = file.texts(key("tokens"));
  if (file.has(key("scores"))) {
    for (const double score : file.numbers(key("scores"))) {
      v.scores.push_back(static_cast<float>(score));
    }
  }
  if (file.has(key("token_type"))) {
    for (const auto type : file.integers(key("token_type"))) {
      require(std::in_range<std::int32_t>(type), file.path().string(), ": ", key("token_type"),
              " holds ", type);
      v.types.push_back(static_cast<std::int32_t>(type));
    }
  }
  if (file.has(key("merges"))) v.merges = file.texts(key("merges"));
  v.bos_id = optional_id(file, "bos_token_id");
  v.eos_id = optional_id(file, "eos_token_id");
  v.unk_id = optional_id(file, "unknown_token_id");
  v.pad_id = optional_id(file, "padding_token_id");
  v.eot_id = optional_id(file, "eot_token_id");
  v.eom_id = optional_id(file, "eom_token_id");
  v.add_bos = optional_flag(file, "add_bos_token");
  v.add_eos = optional_flag(file, "add_eos_token");
  v.add_space_prefix = optional_flag(file, "add_space_prefix");
  return v;
}

std::vector<GgufField> gguf_fields(const GgufVocabulary& vocabulary, int64_t vocab_size) {
  auto v = vocabulary;
  const auto unused = static_cast<std::int32_t>(GgufTokenType::kUnused);
  if (v.types.empty()) v.types.assign(v.tokens.size(), 1);
  while (std::cmp_less(v.tokens.size(), vocab_size)) {
    v.tokens.push_back(concat("[PAD", v.tokens.size(), "]"));
    v.types.push_back(unused);
    if (!v.scores.empty()) v.scores.push_back(0);
  }
  std::vector<GgufField> fields;
  const auto add = [&](const char* name, GgufValue value) {
    fields.push_back({key(name), std::move(value)});
  };
  const auto add_id = [&](const char* name, const std::optional<std::int64_t>& id) {
    if (id) add(name, static_cast<std::uint32_t>(*id));
  };
  const auto add_flag = [&](const char* name, const std::optional<bool>& flag) {
    if (flag) add(name, *flag);
  };
  add("model", v.model);
  if (!v.pre.empty()) add("pre", v.pre);
  add("tokens", std::move(v.tokens));
  if (!v.scores.empty()) add("scores", std::move(v.scores));
  add("token_type", std::move(v.types));
  if (!v.merges.empty()) add("merges", std::move(v.merges));
  add_id("bos_token_id", v.bos_id);
  add_id("eos_token_id", v.eos_id);
  add_id("unknown_token_id", v.unk_id);
  add_id("padding_token_id", v.pad_id);
  add_id("eot_token_id", v.eot_id);
  add_id("eom_token_id", v.eom_id);
  add_flag("add_bos_token", v.add_bos);
  add_flag("add_eos_token", v.add_eos);
  add_flag("add_space_prefix", v.add_space_prefix);
  return fields;
}

}  // namespace gptkit
