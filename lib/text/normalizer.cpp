#include "text/normalizer.h"

#include <optional>

#include "base/error.h"
#include "text/hugging_face_pipeline.h"
#include "text/lowercase.h"
#include "text/normalization.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

using Kind = Normalizer::Kind;

std::optional<NormalForm> form_of(Kind kind) {
  switch (kind) {
    case Kind::kNfc:
      return NormalForm::kNfc;
    case Kind::kNfd:
      return NormalForm::kNfd;
    case Kind::kNfkc:
      return NormalForm::kNfkc;
    case Kind::kNfkd:
      return NormalForm::kNfkd;
    default:
      return std::nullopt;
  }
}

Normalizer read_one(const Json& json, const std::string& where) {
  constexpr std::pair<std::string_view, Kind> kKinds[] = {
      {"NFC", Kind::kNfc},         {"NFD", Kind::kNfd},        {"NFKC", Kind::kNfkc},
      {"NFKD", Kind::kNfkd},       {"Strip", Kind::kStrip},    {"Lowercase", Kind::kLowercase},
      {"Prepend", Kind::kPrepend}, {"Replace", Kind::kReplace}};
  const std::string type = json_string(json, "type", where);
  std::string known;
  for (const auto& [name, kind] : kKinds) {
    known.append(known.empty() ? "" : ", ").append(name);
    if (type != name) continue;
    Normalizer normalizer{.kind = kind};
    if (kind == Kind::kStrip) {
      normalizer.left = json_bool(json, "strip_left", where, true);
      normalizer.right = json_bool(json, "strip_right", where, true);
    } else if (kind == Kind::kPrepend) {
      normalizer.content = json_string(json, "prepend", where);
    } else if (kind == Kind::kReplace) {
      normalizer.pattern = fixed_pattern(json, where + ": Replace");
      normalizer.content = json_string(json, "content", where);
    }
    return normalizer;
  }
  fail(where, ": unsupported normalizer ", printable(type), "; expected none, ", known,
       " or a Sequence of them");
}

std::string lowered(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    if (!c.valid) {
      result += text[at];
    } else if (c.code == 0x130) {  // the only one that becomes two
      result += "i\xCC\x87";
    } else {
      append_utf8(result, to_lower(c.code));
    }
    at += c.bytes;
  }
  return result;
}

std::string stripped(std::string_view text, bool left, bool right) {
  std::size_t begin = text.size(), end = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    if (!c.valid || char_class(c.code) != CharClass::kSpace) {
      begin = std::min(begin, at);
      end = at + c.bytes;
    }
    at += c.bytes;
  }
  if (begin == text.size()) return left || right ? "" : std::string(text);
  if (!left) begin = 0;
  if (!right) end = text.size();
  return std::string(text.substr(begin, end - begin));
}

std::string normalized_by(const Normalizer& normalizer, std::string_view text) {
  if (const auto form = form_of(normalizer.kind)) return normal_form(text, *form);
  switch (normalizer.kind) {
    case Kind::kLowercase:
      return lowered(text);
    case Kind::kStrip:
      return stripped(text, normalizer.left, normalizer.right);
    case Kind::kPrepend:
      return text.empty() ? std::string() : normalizer.content + std::string(text);
    default:
      return replaced(text, normalizer.pattern, normalizer.content);
  }
}

}  // namespace

std::vector<Normalizer> read_normalizers(const Json& file, const std::string& file_name) {
  const std::string where = file_name + ": normalizer";
  std::vector<Normalizer> normalizers;
  for (const Json& part : pipeline_parts(file, "normalizer", "normalizers", where)) {
    normalizers.push_back(read_one(part, where));
  }
  return normalizers;
}

std::string normalize(const std::vector<Normalizer>& normalizers, std::string_view text) {
  std::string result(text);
  for (const Normalizer& normalizer : normalizers) result = normalized_by(normalizer, result);
  return result;
}

}  // namespace gptkit
