// What config.h needs of values: text to numbers and back, and errors that help.

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <map>

#include "base/config.h"
#include "base/spelling.h"

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
  return (node.quoted ? "the quoted text '" : "'") + printable(node.scalar, 80) + "'";
}

[[noreturn]] void fail_value(const ConfigNode& node, const std::string& key,
                             const std::string& expected) {
  fail(node.origin, ": ", printable(key), " is ", shown(node), "; expected ", expected);
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

/// The key or value meant by a misspelt one, or nothing.
std::string nearest(std::string word, const std::vector<std::string>& known) {
  std::replace(word.begin(), word.end(), '-', '_');
  return nearest_word(word, known);
}

/// Who reads a section that this program does not.
std::string reader_of(const std::string& key) {
  static const std::map<std::string, std::string> kReaders = {
      {"classifier", "finetune-classify"},
      {"instruct", "finetune-instruct"},
      {"preference", "finetune-preference"},
      {"lora", "finetune-classify, finetune-instruct and finetune-preference"},
      {"server", "serve"},
      {"model", "the training programs"},
      {"data", "the training programs"},
      {"train", "the training programs"},
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
  return path.empty() ? "" : fs::absolute(path).lexically_normal().string();
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
  std::string out = "\"";
  for (const char c : text) {
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
  if (node.kind == Kind::kScalar) return node.scalar;
  fail_value(node, key, "a text (in quotes if it has ': ', ' #' or brackets)");
}

fs::path to_path(const ConfigNode& node, const std::string& key) {
  if (node.kind != Kind::kScalar) fail_value(node, key, "a path");
  if (node.scalar.empty()) return {};
  return (node.folder / home_expanded(node.scalar)).lexically_normal();
}

NameOrPath to_name_or_path(const ConfigNode& node, const std::string& key) {
  if (node.kind != Kind::kScalar) fail_value(node, key, "a name or a path");
  const fs::path path = to_path(node, key);
  std::error_code ignored;
  const bool is_path = node.scalar.find('/') != std::string::npos || node.scalar == "~" ||
                       (!path.empty() && fs::exists(path, ignored));
  return {is_path ? path.string() : node.scalar};
}

void fail_choice(const ConfigNode& node, const std::string& key,
                 const std::vector<std::string>& choices) {
  const std::string meant = node.kind == Kind::kScalar ? nearest(node.scalar, choices) : "";
  fail_value(node, key,
             "one of " + joined(choices) + (meant.empty() ? "" : "; did you mean " + meant + "?"));
}

void fail_section(const ConfigNode& node, const std::string& key,
                  const std::vector<std::string>& known) {
  fail_value(node, key, "a section with the keys " + joined(known));
}

void fail_integer_range(const ConfigNode& node, const std::string& key) {
  fail_value(node, key, "an integer within the range of its field");
}

std::string item_key(const std::string& key, std::size_t index) {
  return concat(key, "[", index, "]");
}

void check_known(const ConfigNode& map, const std::string& section,
                 const std::vector<std::string>& known) {
  for (const auto& [name, value] : map.members) {
    if (name.empty() || std::find(known.begin(), known.end(), name) != known.end()) continue;
    const std::string key = printable(join_key(section, name));
    const std::string begin = concat(value.origin, ": unknown key '", key, "'");
    if (const auto meant = nearest(name, known); !meant.empty()) {
      fail(begin, "; did you mean '", join_key(section, meant), "'?");
    }
    if (const auto reader = section.empty() ? reader_of(name) : ""; !reader.empty()) {
      fail(begin, "; it is read by ", reader, ", not here");
    }
    if (const auto dot = name.find('.'); dot != std::string::npos) {
      fail(begin, "; nest it: '", printable(name.substr(0, dot)), ": {",
           printable(name.substr(dot + 1)), ": ...}'");
    }
    fail(begin, "; ", section.empty() ? "the keys here" : "the keys of '" + section + "'", " are ",
         joined(known));
  }
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
  const std::string flow = name + ": [" + joined(items) + "]";
  if (flow.size() <= 100) return line(indent, flow, key, help);
  line(indent, name + ":", key, help);
  for (const auto& item : items) {
    out_.append(static_cast<std::size_t>(indent) + 2, ' ').append("- " + item + "\n");
  }
}

}  // namespace config_detail
}  // namespace gptkit
