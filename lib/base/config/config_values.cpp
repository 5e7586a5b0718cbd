// What config.h needs of values: text to numbers and back, and errors that help.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>

#include "base/config/config.h"
#include "base/config/spelling.h"

namespace gptkit {

namespace fs = std::filesystem;
using Kind = ConfigNode::Kind;

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// Takes digits off the front; false if there was none.
bool skip_digits(std::string_view& text) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto count = static_cast<std::size_t>(end - text.begin());
  text.remove_prefix(count);
  return count > 0;
}

/// Takes -?(0|[1-9][0-9]*) off the front.
bool skip_integer(std::string_view& text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  if (text.starts_with('0')) {
    text.remove_prefix(1);
    return true;
  }
  return skip_digits(text);
}

bool is_integer(std::string_view text) { return skip_integer(text) && text.empty(); }

bool is_number(std::string_view text) {
  if (!skip_integer(text)) return false;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    if (!skip_digits(text)) return false;
  }
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    if (!skip_digits(text)) return false;
  }
  return text.empty();
}

std::string shown(const ConfigNode& node) {
  if (node.kind == Kind::kNull) return "empty";
  if (node.kind == Kind::kList) return "a list";
  if (node.kind == Kind::kMap) return "a section of keys";
  return (node.quoted ? "the quoted text '" : "'") +
         printable(config_detail::shown_bytes(node.scalar), 80) + "'";
}

[[noreturn]] void fail_value(const ConfigNode& node, const std::string& key,
                             const std::string& expected) {
  throw Error(
      Error::Kind::kInput,
      concat(node.origin, ": ", printable(key), " is ", shown(node), "; expected ", expected), key);
}

/// The key or value meant by a misspelt one, or nothing.
std::string nearest(std::string word, const std::vector<std::string>& known) {
  std::replace(word.begin(), word.end(), '-', '_');
  return nearest_word(word, known);
}

/// Who reads a section that this program does not.
std::string reader_of(const std::string& key) {
  static const std::map<std::string, std::string> kReaders = {
      {"classifier", "finetune-classify"}, {"instruct", "finetune-instruct"},
      {"lora", "finetune-classify"},       {"model", "the training programs"},
      {"data", "the training programs"},   {"train", "the training programs"},
      {"sample", "the training programs"},
  };
  const auto it = kReaders.find(key);
  return it == kReaders.end() ? "" : it->second;
}

fs::path home_expanded(const std::string& text) {
  const char* const home = std::getenv("HOME");
  if (home && *home && (text == "~" || text.starts_with("~/"))) return home + text.substr(1);
  return text;
}

std::string absolute_text(const fs::path& path) {
  std::error_code no_folder;
  const fs::path absolute = fs::absolute(path, no_folder);
  return path.empty() ? "" : (no_folder ? path : absolute).lexically_normal().string();
}

/// The value under the key "a.b": {a: {b: value}}.
ConfigNode nested(std::string_view key, ConfigNode value) {
  for (;;) {
    const auto dot = key.rfind('.');
    ConfigNode outer;
    outer.origin = value.origin;
    outer.folder = value.folder;
    outer.stored = value.stored;
    outer.members.push_back(
        {std::string(key.substr(dot == key.npos ? 0 : dot + 1)), std::move(value)});
    value = std::move(outer);
    if (dot == key.npos) return value;
    key = key.substr(0, dot);
  }
}

}  // namespace

std::string yaml_text(std::string_view text) {
  constexpr std::array<std::string_view, 10> kWords = {"null", "true", "false", "yes", "no",
                                                       "on",   "off",  "y",     "n",   "nan"};
  std::string lower(text.substr(0, 6));
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const bool word =
      text.size() <= 5 && std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
  const bool plain_start =
      !text.empty() && (is_letter(text[0]) || text[0] == '_' || text[0] == '/');
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("_./+-@ ").find(c) != std::string::npos;
  });
  if (plain && plain_start && !word && text.back() != ' ') return std::string(text);

  constexpr std::string_view kHex = "0123456789abcdef";
  const std::string valid = config_detail::hide_bytes(text);
  std::string out = "\"";
  for (const char c : valid) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append("\\").append(1, c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (byte < 0x20 || byte == 0x7F) {
      out.append("\\x").append(1, kHex[byte >> 4]).append(1, kHex[byte & 15]);
    } else {
      out += c;
    }
  }
  return out + '"';
}

namespace config_detail {

std::size_t character_size(std::string_view text) {
  const auto byte = [&](std::size_t i) -> unsigned {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool second = follows(1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF);
    return second && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool second = follows(1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF);
    return second && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

void hide_byte(std::string& out, char byte) {
  const auto value = static_cast<unsigned char>(byte);
  out += "\xF4\x8F";  // U+10FF00 + byte
  out += static_cast<char>(0xBC + (value >> 6));
  out += static_cast<char>(0x80 + (value & 0x3F));
}

namespace {

/// Whether a character of four bytes is one that hide_byte() makes.
bool hides_byte(std::string_view text) {
  return text.starts_with("\xF4\x8F") && text.size() >= 4 &&
         static_cast<unsigned char>(text[2]) >= 0xBC;
}

}  // namespace

std::string hide_bytes(std::string_view text, bool again) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t size = again && hides_byte(text) ? 0 : character_size(text);
    if (size == 0) hide_byte(out, text[0]);
    out += text.substr(0, size);
    text.remove_prefix(std::max<std::size_t>(size, 1));
  }
  return out;
}

std::string shown_bytes(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const bool hidden = hides_byte(text);
    if (hidden) {
      const unsigned high = static_cast<unsigned char>(text[2]) - 0xBCu;
      const unsigned low = static_cast<unsigned char>(text[3]) & 0x3Fu;
      out += static_cast<char>(high << 6 | low);
    } else {
      out += text[0];
    }
    text.remove_prefix(hidden ? 4 : 1);
  }
  return out;
}

bool to_bool(const ConfigNode& node, const std::string& key) {
  const bool plain = node.kind == Kind::kScalar && !node.quoted;
  if (plain && node.scalar == "true") return true;
  if (plain && node.scalar == "false") return false;
  fail_value(node, key, "true or false");
}

std::int64_t to_int(const ConfigNode& node, const std::string& key) {
  const std::string& text = node.scalar;
  if (node.kind != Kind::kScalar || node.quoted || !is_integer(text)) {
    fail_value(node, key, "an integer such as 42 (decimal digits, no leading zero)");
  }
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc()) fail_value(node, key, "an integer between -2^63 and 2^63-1");
  return value;
}

double to_double(const ConfigNode& node, const std::string& key) {
  const std::string& text = node.scalar;
  if (node.kind != Kind::kScalar || node.quoted || !is_number(text)) {
    fail_value(node, key, "a number such as 0.1 or 4.0e-4");
  }
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc()) fail_value(node, key, "a number that 64 bits can hold");
  return value;
}

std::string to_text(const ConfigNode& node, const std::string& key) {
  if (node.kind == Kind::kScalar) return shown_bytes(node.scalar);
  fail_value(node, key, "a text (in quotes if it has ': ', ' #' or brackets)");
}

fs::path to_path(const ConfigNode& node, const std::string& key) {
  if (node.kind != Kind::kScalar) fail_value(node, key, "a path");
  if (node.scalar.empty()) return {};
  return (node.folder / home_expanded(shown_bytes(node.scalar))).lexically_normal();
}

NameOrPath to_name_or_path(const ConfigNode& node, const std::string& key) {
  if (node.kind != Kind::kScalar) fail_value(node, key, "a name or a path");
  const fs::path path = to_path(node, key);
  std::error_code ignored;
  const bool is_path = node.scalar.find('/') != std::string::npos || node.scalar == "~" ||
                       (!path.empty() && fs::exists(path, ignored));
  return {is_path ? path.string() : shown_bytes(node.scalar)};
}

void fail_choice(const ConfigNode& node, const std::string& key,
                 const std::vector<std::string>& choices) {
  const std::string meant = node.kind == Kind::kScalar ? nearest(node.scalar, choices) : "";
  fail_value(node, key,
             "one of " + join(choices) + (meant.empty() ? "" : "; did you mean " + meant + "?"));
}

void fail_section(const ConfigNode& node, const std::string& key,
                  const std::vector<std::string>& known) {
  fail_value(node, key, "a section with the keys " + join(known));
}

void fail_integer_range(const ConfigNode& node, const std::string& key) {
  fail_value(node, key, "an integer within the range of its field");
}

std::string item_key(const std::string& key, std::size_t index) {
  return concat(key, "[", index, "]");
}

namespace {

/// What to write instead of a key that is not known.
std::string advice(const std::string& section, const std::string& name,
                   const std::vector<std::string>& known) {
  if (const auto meant = nearest(name, known); !meant.empty()) {
    return "did you mean '" + join_key(section, meant) + "'?";
  }
  if (const auto reader = section.empty() ? reader_of(name) : ""; !reader.empty()) {
    return "it is read by " + reader + ", not here";
  }
  if (const auto dot = name.find('.'); dot != std::string::npos) {
    return "nest it: '" + printable(name.substr(0, dot)) + ": {" + printable(name.substr(dot + 1)) +
           ": ...}'";
  }
  return (section.empty() ? "the keys here" : "the keys of '" + section + "'") + " are " +
         join(known);
}

}  // namespace

void check_known(const ConfigNode& map, const std::string& section,
                 const std::vector<std::string>& known) {
  for (const auto& [name, value] : map.members) {
    if (name.empty() || std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string key = join_key(section, name);
    throw Error(Error::Kind::kInput,
                concat(value.origin, ": unknown key '", printable(key), "'; ",
                       advice(section, name, known)),
                key);
  }
}

ConfigNode with_named_items(const ConfigNode& list, const std::string& section,
                            std::span<const std::string_view> names) {
  ConfigNode map;
  map.origin = list.origin;
  map.folder = list.folder;
  map.stored = list.stored;
  std::string written;
  for (std::size_t i = 0; i < std::min(names.size(), list.items.size()); ++i) {
    map.members.push_back({std::string(names[i]), list.items[i]});
    written += concat(i > 0 ? ", " : "", names[i], ": ", printable(list.items[i].scalar, 40));
  }
  require(list.stored, list.origin, ": '", section, "' now names its parts; write '", section,
          ": {", written, "}'");
  return map;
}

ConfigNode with_new_keys(const ConfigNode& map, const std::string& section,
                         std::span<const RenamedKey> renamed) {
  ConfigNode old = map, current = map;
  old.members.clear();
  current.members.clear();
  for (const auto& [name, value] : map.members) {
    const auto rule = std::find_if(renamed.begin(), renamed.end(),
                                   [&name = name](const auto& r) { return r.before == name; });
    if (rule == renamed.end()) {
      current.members.push_back({name, value});
      continue;
    }
    const auto now = join_key(section, std::string(rule->now));
    require(value.stored, value.origin, ": the key '", join_key(section, name), "' is now '", now,
            "'; write '", now, "'");
    merge_config(old, nested(rule->now, value));
  }
  merge_config(old, std::move(current));  // what this version wrote wins
  return old;
}

std::string yaml_value(bool value) { return value ? "true" : "false"; }
std::string yaml_value(std::int64_t value) { return std::to_string(value); }

std::string yaml_value(double value) {
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

std::string yaml_value(const std::string& value) { return yaml_text(value); }
std::string yaml_value(const fs::path& value) { return yaml_text(absolute_text(value)); }
std::string yaml_value(const NameOrPath& value) { return yaml_text(value.text); }

void YamlWriter::line(int indent, const std::string& text, const std::string& key,
                      const char* help) {
  constexpr std::size_t kCommentColumn = 32;
  const std::size_t begin = out_.size();
  out_.append(static_cast<std::size_t>(indent), ' ').append(text);
  std::string comment;
  if (const auto set = origins_ ? origins_->find(key) : ConfigOrigins::const_iterator();
      origins_ && set != origins_->end()) {
    comment = (set->second.starts_with("-") ? "" : "from ") + set->second;
  } else if (with_help_) {
    comment = help;
  }
  if (!comment.empty()) {
    const std::size_t width = out_.size() - begin;
    out_.append(width < kCommentColumn ? kCommentColumn - width : 2, ' ').append("# " + comment);
  }
  out_ += '\n';
}

void YamlWriter::list(int indent, const std::string& name, const std::vector<std::string>& items,
                      const std::string& key, const char* help) {
  const std::string flow = name + ": [" + join(items) + "]";
  if (flow.size() <= 100) return line(indent, flow, key, help);
  line(indent, name + ":", key, help);
  for (const auto& item : items) {
    out_.append(static_cast<std::size_t>(indent) + 2, ' ').append("- " + item + "\n");
  }
}

}  // namespace config_detail
}  // namespace gptkit
