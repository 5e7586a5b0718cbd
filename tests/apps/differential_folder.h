#pragma once
// Model folders from tests/golden/differential: files as data, weights that follow from their
// names. The same in Python, with what the data means: tests/golden/differential_kinds/folders.py.

#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/json.h"
#include "support/support.h"

namespace gptkit::test {

inline std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t value = 0xCBF29CE484222325;
  for (const unsigned char byte : text) value = (value ^ byte) * 0x100000001B3;
  return value;
}

inline std::uint64_t splitmix64(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

/// Element `i` of tensor `name`: of 7 bits, so that every float type holds it.
inline float weight_value(const std::string& name, std::size_t dimensions, std::uint64_t i) {
  bool table = false;
  for (const char* part : {"wte", "wpe", "embed", "lm_head", "score"}) {
    table = table || name.find(part) != std::string::npos;
  }
  const bool norm = dimensions == 1 && name.ends_with("weight");
  const auto k = static_cast<float>(splitmix64(i + fnv1a(name)) >> 57) - 64;
  return k / (norm || table ? 128.0F : 256.0F) + (norm ? 1.0F : 0.0F);
}

template <class Number>
void append_bytes(std::string& bytes, Number number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

/// The value in a dtype of safetensors. float16's subnormal numbers do not occur.
inline void append_value(std::string& bytes, const std::string& dtype, float value) {
  std::uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  if (dtype == "F64") return append_bytes(bytes, static_cast<double>(value));
  if (dtype == "F32") return append_bytes(bytes, bits);
  if (dtype == "BF16") return append_bytes(bytes, static_cast<std::uint16_t>(bits >> 16));
  const std::uint32_t rest = value == 0 ? 0 : (((bits >> 23) & 0xFF) - 112) << 10;
  append_bytes(bytes,
               static_cast<std::uint16_t>(((bits >> 16) & 0x8000) | rest | ((bits >> 13) & 0x3FF)));
}

/// A file of safetensors: {name: shape}, or {name: the name whose values it has}.
inline std::string safetensors_bytes(const Json& tensors, const std::string& dtype) {
  OrderedJson header = OrderedJson::object();
  std::string data;
  for (const auto& [name, given] : tensors.items()) {
    const std::string source = given.is_string() ? given.get<std::string>() : name;
    const auto shape = tensors.at(source).get<std::vector<std::uint64_t>>();
    std::uint64_t count = 1;
    for (const auto size : shape) count *= size;
    const auto begin = data.size();
    for (std::uint64_t i = 0; i < count; ++i) {
      append_value(data, dtype, weight_value(source, shape.size(), i));
    }
    header[name] = {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {begin, data.size()}}};
  }
  const auto head = dump_json(header);
  std::string bytes;
  append_bytes(bytes, static_cast<std::uint64_t>(head.size()));
  return bytes + head + data;
}

/// UTF-8 of a code point below 0x800.
inline std::string short_utf8(int code) {
  if (code < 0x80) return std::string(1, static_cast<char>(code));
  return {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))};
}

/// GPT-2's character for each byte.
inline std::vector<std::string> byte_characters() {
  std::vector<std::string> characters;
  for (int byte = 0, next = 256; byte < 256; ++byte) {
    const bool plain = (byte > 32 && byte < 127) || (byte > 160 && byte != 173);
    characters.push_back(short_utf8(plain ? byte : next++));
  }
  return characters;
}

/// "<0x0A>", Llama's tokens of single bytes, behind its special ones.
inline std::vector<std::string> byte_fallbacks() {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (std::size_t byte = 0; byte < 256; ++byte) {
    tokens.push_back(std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">");
  }
  return tokens;
}

/// Completes each object with "$vocabulary": its vocab and merges.
inline void complete_vocabularies(Json& value, const Json& vocabularies) {
  if (!value.is_structured()) return;
  for (auto& item : value) complete_vocabularies(item, vocabularies);
  if (!value.is_object() || !value.contains("$vocabulary")) return;
  const auto name = value["$vocabulary"].get<std::string>();
  const bool text_merges = value.contains("$text_merges");
  value.erase("$vocabulary");
  value.erase("$text_merges");
  const Json& entry = vocabularies.at(name);
  auto tokens = name == "bytes" ? byte_characters() : byte_fallbacks();
  for (const auto& character : entry.at("characters")) tokens.push_back(character);
  value["merges"] = Json::array();
  for (const std::string merge : entry.at("merges")) {
    const auto blank = merge.find(' ');
    const auto left = merge.substr(0, blank), right = merge.substr(blank + 1);
    tokens.push_back(left + right);
    value["merges"].push_back(text_merges ? Json(merge) : Json{left, right});
  }
  value["vocab"] = Json::object();
  for (const auto& token : tokens) {
    if (!value["vocab"].contains(token)) value["vocab"][token] = value["vocab"].size();
  }
}

/// Each character as one byte.
inline std::string latin1_bytes(std::string_view text) {
  std::string bytes;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool two = byte >= 0x80;
    bytes += two ? static_cast<char>((byte & 3) << 6 | (text[i + 1] & 0x3F)) : text[i];
    i += two;
  }
  return bytes;
}

inline std::string file_bytes(const Json& content, const Json& vocabularies) {
  if (content.is_string()) return content.get<std::string>();
  if (content.contains("$latin1")) return latin1_bytes(content["$latin1"].get<std::string>());
  if (content.contains("$tensors")) return safetensors_bytes(content["$tensors"], content["dtype"]);
  Json value = content.at("$json");
  complete_vocabularies(value, vocabularies);
  return dump_json(value);
}

/// Writes a case's files; a number stands for one of the shared contents.
inline void write_folder(const Json& files, const Json& shared, const Json& vocabularies,
                         const fs::path& folder) {
  for (const auto& [name, content] : files.items()) {
    const fs::path path = folder / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << file_bytes(
        content.is_number() ? shared.at(content.get<std::size_t>()) : content, vocabularies);
  }
}

}  // namespace gptkit::test
