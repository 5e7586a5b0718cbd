// How values print: Python's str(), repr() and json.dumps(); and texts that are changed within
// bounds.

#include <algorithm>
#include <array>
#include <cmath>

#include "chat/jinja/characters.h"
#include "chat/jinja/interpreter.h"
#include "text/unicode.h"

namespace gptkit::jinja {

namespace {

constexpr std::string_view kHex = "0123456789abcdef";

void append_hex(TrackedText& out, std::string_view prefix, char32_t code, int digits,
                bool written) {
  std::string text(prefix);
  for (int i = digits - 1; i >= 0; --i) text += kHex[(code >> (4 * i)) & 15];
  out.append(text, written);
}

/// Characters that Python's repr() does not show as they are: controls, white space but the blank,
/// formats, private ones.
bool is_unprintable(char32_t code) {
  constexpr std::array<std::pair<char32_t, char32_t>, 13> kRanges = {{{0x00, 0x1F},
                                                                      {0x7F, 0xA0},
                                                                      {0xAD, 0xAD},
                                                                      {0x600, 0x605},
                                                                      {0x61C, 0x61C},
                                                                      {0x180E, 0x180E},
                                                                      {0x200B, 0x200F},
                                                                      {0x2028, 0x202E},
                                                                      {0x2060, 0x206F},
                                                                      {0xE000, 0xF8FF},
                                                                      {0xFEFF, 0xFEFF},
                                                                      {0xFFF0, 0xFFFB},
                                                                      {0xE0000, 0x10FFFF}}};
  if (code != ' ' && char_class(code) == CharClass::kSpace) return true;
  return std::any_of(kRanges.begin(), kRanges.end(), [&](const auto& range) {
    return code >= range.first && code <= range.second;
  });
}

TrackedText quoted(const TrackedText& text) {
  const std::string_view bytes = text.text();
  const bool doubled = bytes.find('\'') != bytes.npos && bytes.find('"') == bytes.npos;
  const char quote = doubled ? '"' : '\'';
  TrackedText out(std::string(1, quote));
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Char c = decode_utf8(bytes, at);
    const bool written = text.is_written(at);
    const auto character = bytes.substr(at, c.bytes);
    if (character == "\\" || character.front() == quote) {
      out.append("\\", written);
      out.append(character, written);
    } else if (c.code == '\n' || c.code == '\r' || c.code == '\t') {
      out.append(c.code == '\n' ? "\\n" : c.code == '\r' ? "\\r" : "\\t", written);
    } else if (c.valid && is_unprintable(c.code)) {
      const int digits = c.code < 0x100 ? 2 : c.code < 0x10000 ? 4 : 8;
      append_hex(out, digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U", c.code, digits, written);
    } else {
      out.append(character, written);
    }
    at += c.bytes;
  }
  out.append(std::string(1, quote), false);
  return out;
}

}  // namespace

TrackedText Interpreter::text_of(const Value& value) {
  if (value.is_undefined()) return {};
  if (const auto* text = value.text()) {
    charge_text(text->size());
    return *text;
  }
  return repr_of(value);
}

TrackedText Interpreter::repr_of(const Value& value) {
  const auto plain = [](std::string_view text) { return TrackedText(text); };
  if (value.is_none()) return plain("None");
  if (const auto* truth = value.get<bool>()) return plain(*truth ? "True" : "False");
  if (value.is_integer()) return plain(std::to_string(value.integer()));
  if (const auto* number = value.get<double>()) return plain(float_text(*number));
  if (const auto* text = value.text()) {
    charge_text(text->size());
    return quoted(*text);
  }
  TrackedText out;
  if (const auto* dict = value.dict()) {
    out.append("{", false);
    for (const auto& [key, item] : dict->items) {
      if (out.size() > 1) out.append(", ", false);
      append(out, repr_of(key));
      out.append(": ", false);
      append(out, repr_of(item));
    }
    out.append("}", false);
    return out;
  }
  const auto* list = value.sequence();
  const bool tuple = list && list->kind == SequenceKind::kTuple;
  if (!tuple && (!list || list->kind != SequenceKind::kList)) {
    if (value.is_undefined()) return plain("Undefined");
    refuse("a ", type_name(value), " is printed, which is not supported",
           list ? "; add | list" : "");
  }
  out.append(tuple ? "(" : "[", false);
  for (const auto& item : list->items) {
    if (out.size() > 1) out.append(", ", false);
    append(out, repr_of(item));
  }
  out.append(tuple && list->items.size() == 1 ? ",)" : tuple ? ")" : "]", false);
  return out;
}

namespace {

struct JsonFormat {
  std::string indent;  // of one level
  bool lines = false;
  TrackedText between{", "}, behind_key{": "};
  bool ascii = false, sorted = false;
};

class JsonWriter {
 public:
  JsonWriter(Interpreter& interpreter, JsonFormat format)
      : interpreter_(interpreter), format_(std::move(format)) {}

  void write(const Value& value, TrackedText& out, int level) {
    interpreter_.charge_text(out.size() > 1'000'000 ? out.size() : 32);
    const auto plain = [&](std::string_view text) { out.append(text, false); };
    if (value.is_none()) return plain("null");
    if (const auto* truth = value.get<bool>()) return plain(*truth ? "true" : "false");
    if (value.is_integer()) return plain(std::to_string(value.integer()));
    if (const auto* number = value.get<double>()) return plain(json_number(*number));
    if (const auto* text = value.text()) return write_text(*text, out);
    if (const auto* dict = value.dict()) return write_dict(*dict, out, level);
    const auto* list = value.sequence();
    if (!list || list->kind > SequenceKind::kTuple) {
      interpreter_.refuse("tojson: a ", type_name(value), " cannot be written as JSON");
    }
    write_list(*list, out, level);
  }

 private:
  Interpreter& interpreter_;
  JsonFormat format_;

  static std::string json_number(double number) {
    if (std::isnan(number)) return "NaN";
    if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
    return float_text(number);
  }

  void new_line(TrackedText& out, int level) const {
    if (!format_.lines) return;
    out.append("\n", false);
    for (int i = 0; i < level; ++i) out.append(format_.indent, false);
  }

  void write_list(const Sequence& list, TrackedText& out, int level) {
    out.append("[", false);
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) out.append(format_.between);
      new_line(out, level + 1);
      write(list.items[i], out, level + 1);
    }
    if (!list.items.empty()) new_line(out, level);
    out.append("]", false);
  }

  void write_dict(const Dict& dict, TrackedText& out, int level) {
    auto items = dict.items;
    if (format_.sorted) {
      std::stable_sort(items.begin(), items.end(), [&](const auto& a, const auto& b) {
        return interpreter_.less(a.first, b.first);
      });
    }
    out.append("{", false);
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out.append(format_.between);
      new_line(out, level + 1);
      const auto& key = items[i].first;
      if (key.sequence() || key.dict()) interpreter_.refuse("tojson: a key is a ", type_name(key));
      const bool quotes = !key.is_text();
      if (quotes) out.append("\"", false);
      write(key, out, level);
      if (quotes) out.append("\"", false);
      out.append(format_.behind_key);
      write(items[i].second, out, level + 1);
    }
    if (!items.empty()) new_line(out, level);
    out.append("}", false);
  }

  void write_text(const TrackedText& text, TrackedText& out) {
    interpreter_.charge_text(text.size());
    constexpr std::string_view kSpecial = "\"\\\n\r\t\f\b", kLetters = "\"\\nrtfb";
    const std::string_view bytes = text.text();
    out.append("\"", false);
    for (std::size_t at = 0; at < bytes.size();) {
      const Utf8Char c = decode_utf8(bytes, at);
      const bool written = text.is_written(at);
      if (const auto special = kSpecial.find(bytes[at]); special != kSpecial.npos) {
        out.append("\\", written);
        out.append(kLetters.substr(special, 1), written);
      } else if (c.code >= 0x10000 && format_.ascii) {
        append_hex(out, "\\u", 0xD800 + ((c.code - 0x10000) >> 10), 4, written);
        append_hex(out, "\\u", 0xDC00 + ((c.code - 0x10000) & 0x3FF), 4, written);
      } else if (c.code < 0x20 || (c.code > 0x7F && format_.ascii)) {
        append_hex(out, "\\u", c.code, 4, written);
      } else {
        out.append(bytes.substr(at, c.bytes), written);
      }
      at += c.bytes;
    }
    out.append("\"", false);
  }
};

}  // namespace

Value to_json(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Bound bound(interpreter, "tojson", arguments,
                    {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonFormat format;
  format.ascii = bound.truth("ensure_ascii", false);
  format.sorted = bound.truth("sort_keys", false);
  if (const Value* indent = bound.find("indent"); indent && !indent->is_none()) {
    format.lines = true;
    format.between = TrackedText(",");
    if (indent->is_text()) {
      format.indent = indent->text()->text();
    } else {
      const auto width = std::clamp<std::int64_t>(bound.integer("indent", 0), 0, 100);
      format.indent = std::string(static_cast<std::size_t>(width), ' ');
    }
  }
  if (const Value* separators = bound.find("separators"); separators && !separators->is_none()) {
    const auto items = interpreter.iterate(*separators);
    if (items->items.size() != 2 || !items->items[0].is_text() || !items->items[1].is_text()) {
      interpreter.refuse("tojson: separators are not two texts");
    }
    format.between = *items->items[0].text();
    format.behind_key = *items->items[1].text();
  }
  TrackedText out;
  JsonWriter(interpreter, std::move(format)).write(value, out, 0);
  return Value(std::move(out));
}

Value replace_text(Interpreter& interpreter, const TrackedText& text, const TrackedText& from,
                   const TrackedText& to, std::int64_t count) {
  const std::string_view bytes = text.text(), part = from.text();
  std::size_t places = part.empty() ? static_cast<std::size_t>(character_count(bytes)) + 1 : 0;
  for (std::size_t at = 0; !part.empty() && (at = bytes.find(part, at)) != bytes.npos;
       at += part.size()) {
    ++places;
  }
  if (count >= 0) places = std::min(places, static_cast<std::size_t>(count));
  interpreter.charge_text(bytes.size() + places * to.size());
  return Value(replaced(text, part, to, count));
}

Value case_text(Interpreter& interpreter, const TrackedText& text, LetterCase letter_case) {
  interpreter.charge_text(text.size());
  auto changed = in_case(text, letter_case);
  if (!changed) interpreter.refuse("upper, title and capitalize know ASCII letters only");
  return Value(std::move(*changed));
}

}  // namespace gptkit::jinja
