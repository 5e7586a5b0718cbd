#include "text/hugging_face_pipeline.h"

#include "base/error.h"

namespace gptkit {

namespace {

/// The patterns that files write out, as published.
constexpr std::pair<std::string_view, PreTokenPattern> kRegexes[] = {
    {R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|)re"
     R"re( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re",
     PreTokenPattern::kLlama3},
    {R"re((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|)re"
     R"re( ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)re",
     PreTokenPattern::kQwen2},
};

std::string regex_of(PreTokenPattern wanted) {
  for (const auto& [regex, pattern] : kRegexes) {
    if (pattern == wanted) return std::string(regex);
  }
  return {};
}

/// The type of a component, "none" when absent.
std::string type_of(const Json& component, const std::string& where) {
  if (component.is_null()) return "none";
  return printable(json_string(component, "type", where));
}

Json component(const Json& file, const char* key) {
  return file.contains(key) ? file[key] : Json();
}

/// The parts of a Sequence, or the component itself.
std::vector<Json> parts_of(const Json& whole, const char* key, const std::string& where) {
  if (type_of(whole, where) != "Sequence") return {whole};
  require(whole.contains(key) && whole[key].is_array(), where, ": a Sequence without the list '",
          key, "'");
  return {whole[key].begin(), whole[key].end()};
}

/// "ByteLevel", "Sequence of Digits, ByteLevel": for messages.
std::string shown_types(const std::vector<Json>& parts, const std::string& where) {
  std::vector<std::string> types;
  for (const auto& part : parts) types.push_back(type_of(part, where));
  return (parts.size() == 1 ? "" : "Sequence of ") + join(types);
}

/// ByteLevel, which GPT-2's pattern belongs to unless use_regex is off.
void check_byte_level(const Json& pre, bool with_regex, const std::string& where) {
  require(json_bool(pre, "use_regex", where, true) == with_regex, where, ": a ByteLevel ",
          with_regex ? "pre_tokenizer without" : "behind a Split with",
          " use_regex is not supported");
  require(!json_bool(pre, "add_prefix_space", where, true), where,
          ": add_prefix_space is not supported; set it to false if the tokenizer was trained ",
          "without");
}

PreTokenPattern read_split(const Json& split, const std::string& where) {
  const std::string behavior = json_string(split, "behavior", where);
  require(behavior == "Isolated" && !json_bool(split, "invert", where, false), where,
          ": a Split of behavior '", printable(behavior), "' is not supported; expected Isolated, ",
          "not inverted");
  const Json pattern = component(split, "pattern");
  require(pattern.is_object() && pattern.contains("Regex"), where,
          ": a Split by anything but a Regex is not supported");
  return published_pattern(json_string(pattern, "Regex", where), where);
}

PreTokenPattern read_pre_tokenizer(const Json& file, const std::string& file_name) {
  const std::string where = file_name + ": pre_tokenizer";
  const std::vector<Json> parts =
      parts_of(component(file, "pre_tokenizer"), "pretokenizers", where);
  const auto is = [&](std::size_t i, const char* type) { return type_of(parts[i], where) == type; };
  if (parts.size() == 1 && is(0, "ByteLevel")) {
    check_byte_level(parts[0], /*with_regex=*/true, where);
    return PreTokenPattern::kGpt2;
  }
  if (parts.size() == 2 && is(0, "Split") && is(1, "ByteLevel")) {
    check_byte_level(parts[1], /*with_regex=*/false, where);
    return read_split(parts[0], where);
  }
  if (parts.size() == 2 && is(0, "Digits") && is(1, "ByteLevel")) {
    require(json_bool(parts[0], "individual_digits", where, false), where,
            ": Digits without individual_digits is not supported");
    check_byte_level(parts[1], /*with_regex=*/true, where);
    return PreTokenPattern::kSmolLm;
  }
  fail(file_name, ": unsupported pre_tokenizer ", shown_types(parts, where),
       "; expected ByteLevel, or a Sequence of Split and ByteLevel or of Digits and ByteLevel");
}

/// The ids that a name of a template stands for.
std::vector<TextTemplate::Token> tokens_of(const Json& post, const std::string& name,
                                           const std::string& where) {
  const Json tokens = component(post, "special_tokens");
  require(tokens.is_object() && tokens.contains(name), where, ": special_tokens lacks '",
          printable(name), "'");
  const std::string place = where + ": special_tokens['" + printable(name) + "']";
  const Json &ids = component(tokens[name], "ids"), &texts = component(tokens[name], "tokens");
  require(ids.is_array() && texts.is_array() && ids.size() == texts.size(), place,
          ": expected lists ids and tokens of the same length");
  std::vector<TextTemplate::Token> result;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    require(texts[i].is_string(), place, ": tokens contains values that are not strings");
    result.push_back({texts[i].get<std::string>(), json_to_int(ids[i], place + ": ids")});
  }
  return result;
}

/// A template "TOKEN ... $A TOKEN ...".
TextTemplate read_template(const Json& post, const std::string& where) {
  const Json single = component(post, "single");
  require(single.is_array(), where, ": the template 'single' is not a list");
  TextTemplate around;
  bool behind = false;
  for (const Json& part : single) {
    require(part.is_object() && part.size() == 1, where, ": a damaged template 'single'");
    if (part.contains("Sequence")) {
      require(!behind, where, ": a template that holds the text twice is not supported");
      behind = true;
      continue;
    }
    require(part.contains("SpecialToken") && part["SpecialToken"].is_object(), where,
            ": a damaged template 'single'");
    auto& side = behind ? around.behind : around.before;
    for (auto& token : tokens_of(post, json_string(part["SpecialToken"], "id", where), where)) {
      side.push_back(std::move(token));
    }
  }
  require(behind, where, ": a template without the text ($A) is not supported");
  return around;
}

}  // namespace

std::vector<Json> pipeline_parts(const Json& file, const char* member, const char* parts,
                                 const std::string& where) {
  const Json whole = component(file, member);
  if (whole.is_null()) return {};
  std::vector<Json> flat;
  for (const Json& part : parts_of(whole, parts, where)) {
    require(part.is_object(), where, ": expected an object");
    if (type_of(part, where) != "Sequence") {
      flat.push_back(part);
      continue;
    }
    for (const Json& inner : parts_of(part, parts, where)) flat.push_back(inner);
  }
  return flat;
}

std::string fixed_pattern(const Json& json, const std::string& where) {
  const Json pattern = component(json, "pattern");
  require(pattern.is_object() && pattern.contains("String"), where, " by ",
          pattern.is_object() && pattern.contains("Regex")
              ? concat("the Regex ", printable(dump_json(pattern["Regex"]), 100))
              : "a value that is not a string",
          " is not supported; expected a String");
  std::string text = json_string(pattern, "String", where);
  require(!text.empty(), where, " by an empty text is not supported");
  return text;
}

PreTokenPattern published_pattern(const std::string& regex, const std::string& where) {
  std::string known;
  for (const auto& [text, value] : kRegexes) {
    if (regex == text) return value;
    known.append(known.empty() ? "" : "   ").append(text);
  }
  fail(where, ": unknown pattern ", printable(regex, 400),
       "; known are (Llama 3, Qwen 2): ", known);
}

std::string replaced(std::string_view text, std::string_view pattern, std::string_view content) {
  std::string result;
  std::size_t begin = 0;
  for (std::size_t at; (at = text.find(pattern, begin)) != text.npos; begin = at + pattern.size()) {
    result.append(text, begin, at - begin).append(content);
  }
  return result.append(text.substr(begin));
}

TextTemplate read_post_processor(const Json& file, const std::string& file_name) {
  const std::string where = file_name + ": post_processor";
  TextTemplate around;
  for (const Json& part : parts_of(component(file, "post_processor"), "processors", where)) {
    const std::string type = type_of(part, where);
    if (type == "none" || type == "ByteLevel") continue;  // ByteLevel: offsets only
    require(type == "TemplateProcessing", file_name, ": unsupported post_processor ", type,
            "; it would add tokens to every text");
    // A later one stands around what the earlier ones made.
    TextTemplate next = read_template(part, where);
    around.before.insert(around.before.begin(), next.before.begin(), next.before.end());
    around.behind.insert(around.behind.end(), next.behind.begin(), next.behind.end());
  }
  return around;
}

void check_bpe_model(const Json& model, const std::string& where) {
  const std::string type = json_string(model, "type", where, "BPE");
  require(type == "BPE", where, ": unsupported tokenizer type ", printable(type),
          "; expected BPE (a SentencePiece model is read from its .model file)");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const std::string value = json_string(model, key, where, "");
    require(value.empty(), where, ": ", key, " '", printable(value), "' is not supported");
  }
  require(json_number(model, "dropout", where, 0) == 0, where, ": BPE dropout is not supported");
  require(model.contains("vocab") && model.contains("merges"), where,
          ": model.vocab or model.merges is missing");
}

std::string member_type(const Json& file, const char* member, const std::string& where) {
  return type_of(component(file, member), where + ": " + member);
}

bool is_plain_byte_level(const Json& file, const std::string& where) {
  if (member_type(file, "decoder", where) != "ByteLevel") return false;
  try {
    read_pre_tokenizer(file, where);
    return true;
  } catch (const Error&) {  // the other class says what it does not know
    return false;
  }
}

HuggingFacePipeline read_pipeline(const Json& file, const std::string& where) {
  HuggingFacePipeline pipeline;
  pipeline.pattern = read_pre_tokenizer(file, where);
  const std::string decoder = member_type(file, "decoder", where);
  require(decoder == "ByteLevel", where, ": unsupported decoder ", decoder, "; expected ByteLevel");
  pipeline.nfc = member_type(file, "normalizer", where) == "NFC";
  pipeline.around = read_post_processor(file, where);
  return pipeline;
}

namespace {

OrderedJson byte_level(bool add_prefix_space, bool trim_offsets, bool use_regex = true) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", add_prefix_space},
          {"trim_offsets", trim_offsets},
          {"use_regex", use_regex}};
}

OrderedJson sequence(const char* key, OrderedJson first, OrderedJson second) {
  OrderedJson parts = OrderedJson::array();
  parts.push_back(std::move(first));
  parts.push_back(std::move(second));
  return {{"type", "Sequence"}, {key, std::move(parts)}};
}

}  // namespace

std::string pre_tokenizer_json(PreTokenPattern pattern) {
  if (pattern == PreTokenPattern::kGpt2) return dump_json(byte_level(false, true));
  if (pattern == PreTokenPattern::kSmolLm) {
    const OrderedJson digits = {{"type", "Digits"}, {"individual_digits", true}};
    return dump_json(sequence("pretokenizers", digits, byte_level(false, true)));
  }
  OrderedJson split = {{"type", "Split"}};
  split["pattern"] = OrderedJson{{"Regex", regex_of(pattern)}};
  split["behavior"] = "Isolated";
  split["invert"] = false;
  return dump_json(sequence("pretokenizers", split, byte_level(false, true, /*use_regex=*/false)));
}

std::string post_processor_json(const TextTemplate& around) {
  if (around.before.empty() && around.behind.empty()) return dump_json(byte_level(true, false));
  const auto part = [](const char* kind, const std::string& id, int type) {
    return OrderedJson{{kind, OrderedJson{{"id", id}, {"type_id", type}}}};
  };
  OrderedJson single = OrderedJson::array(), pair = OrderedJson::array();
  OrderedJson special = OrderedJson::object();
  const auto add = [&](OrderedJson& list, const std::vector<TextTemplate::Token>& tokens,
                       int type) {
    for (const auto& [text, id] : tokens) {
      list.push_back(part("SpecialToken", text, type));
      special[text] = OrderedJson{{"id", text}, {"ids", {id}}, {"tokens", {text}}};
    }
  };
  add(single, around.before, 0);
  single.push_back(part("Sequence", "A", 0));
  add(single, around.behind, 0);
  for (const auto& each : single) pair.push_back(each);
  add(pair, around.before, 1);
  pair.push_back(part("Sequence", "B", 1));
  add(pair, around.behind, 1);
  OrderedJson post = {{"type", "TemplateProcessing"}};
  post["single"] = std::move(single);
  post["pair"] = std::move(pair);
  post["special_tokens"] = std::move(special);
  return dump_json(sequence("processors", byte_level(true, false), std::move(post)));
}

std::string decoder_json() { return dump_json(byte_level(true, true)); }

}  // namespace gptkit
