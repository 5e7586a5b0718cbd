#include "base/config/config.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <map>
#include <sstream>

#include "base/files.h"

namespace gptkit {
namespace {

namespace fs = std::filesystem;
using Kind = ConfigNode::Kind;

constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 20;
constexpr std::size_t kMaxDepth = 64;

std::string at_line(const std::string& where, std::size_t line) { return concat(where, ":", line); }

/// The text with one kind of line end and no byte order mark; refuses what is no YAML text.
std::string clean_text(std::string_view text, const std::string& where) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  std::string clean;
  clean.reserve(text.size());
  std::size_t line = 1;
  bool indentation = true, tab = false;
  while (!text.empty()) {
    const std::size_t size = config_detail::character_size(text);
    const auto byte = static_cast<unsigned char>(text[0]);
    require(size > 0, at_line(where, line), ": invalid UTF-8; save the file as UTF-8");
    require(byte >= 0x20 || byte == '\t' || byte == '\n' || byte == '\r', at_line(where, line),
            ": control character ", printable(text.substr(0, 1)), "; expected a text file");
    if (byte == '\n' || byte == '\r') {
      clean += '\n';
      ++line;
      indentation = true;
      tab = false;
      text.remove_prefix(text.starts_with("\r\n") ? 2 : 1);
      continue;
    }
    if (indentation) {
      tab = tab || byte == '\t';
      indentation = byte == '\t' || byte == ' ';
      require(indentation || !tab, at_line(where, line), ": a tab indents; indent with spaces");
    }
    clean += text.substr(0, size);
    text.remove_prefix(size);
  }
  return clean;
}

/// Builds the node from yaml-cpp's events, which know where each value stands, and refuses what
/// yaml-cpp would let pass. Its depth limit also bounds the recursion of the parser that calls it.
class Builder : public YAML::EventHandler {
 public:
  Builder(std::string where, bool with_lines, fs::path folder)
      : where_(std::move(where)), with_lines_(with_lines), folder_(std::move(folder)) {
    root_.kind = Kind::kNull;
    root_.origin = with_lines ? at_line(where_, 1) : where_;
    root_.folder = folder_;
  }

  ConfigNode take() { return std::move(root_); }
  std::string place(const YAML::Mark& mark) const {
    return with_lines_ ? at_line(where_, static_cast<std::size_t>(std::max(mark.line, 0)) + 1)
                       : where_;
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    require(!std::exchange(started_, true), place(mark),
            ": a second document begins; one per file is read");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    make(mark, "?", anchor, Kind::kNull);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { fail_alias(place(mark)); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (expecting_key()) {
      check_properties(mark, tag, anchor);
      return add_key(mark, value, /*quoted=*/tag == "!");
    }
    ConfigNode& node = make(mark, tag, anchor, Kind::kScalar);
    node.scalar = value;
    node.quoted = tag == "!";
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, make(mark, tag, anchor, Kind::kList));
  }
  void OnSequenceEnd() override { open_.pop_back(); }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, make(mark, tag, anchor, Kind::kMap));
  }
  void OnMapEnd() override { open_.pop_back(); }

  [[noreturn]] static void fail_alias(const std::string& place) {
    fail(place, ": aliases (*name) are not supported; a text that begins with '*' needs quotes");
  }

 private:
  struct Open {
    ConfigNode* node;
    bool key_next;
    std::map<std::string, int> lines;  // where each key of a map was first seen
  };

  bool expecting_key() const { return !open_.empty() && open_.back().key_next; }

  void check_properties(const YAML::Mark& mark, const std::string& tag,
                        YAML::anchor_t anchor) const {
    require(anchor == 0, place(mark), ": anchors (&name) are not supported; write the value out");
    require(tag.empty() || tag == "?" || tag == "!", place(mark), ": the tag '", printable(tag),
            "' is not supported; write the plain value");
  }

  void add_key(const YAML::Mark& mark, const std::string& key, bool quoted) {
    require(key != "<<" || quoted, place(mark),
            ": merge keys (<<) are not supported; write the keys out, or pass several files");
    require(!key.empty(), place(mark), ": a key is empty");
    Open& map = open_.back();
    const auto [first, is_new] = map.lines.emplace(key, mark.line);
    require(is_new, place(mark), ": the key '", printable(key), "' is set twice; first on line ",
            first->second + 1);
    map.node->members.push_back({key, ConfigNode()});
    map.key_next = false;
  }

  /// The node that the next value belongs into.
  ConfigNode& make(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                   Kind kind) {
    check_properties(mark, tag, anchor);
    require(!expecting_key(), place(mark),
            ": a key must be a plain text; is a bracket or a quote left open?");
    ConfigNode* node = &root_;
    if (!open_.empty() && open_.back().node->kind == Kind::kList) {
      node = &open_.back().node->items.emplace_back();
    } else if (!open_.empty()) {
      node = &open_.back().node->members.back().second;
      open_.back().key_next = true;
    }
    node->kind = kind;
    node->origin = place(mark);
    node->folder = folder_;
    return *node;
  }

  void open(const YAML::Mark& mark, ConfigNode& node) {
    require(open_.size() < kMaxDepth, place(mark), ": nested deeper than ", kMaxDepth, " levels");
    open_.push_back({&node, node.kind == Kind::kMap, {}});
  }

  std::string where_;
  bool with_lines_;
  fs::path folder_;
  ConfigNode root_;
  std::vector<Open> open_;  // a parent never grows while a child is open
  bool started_ = false;
};

ConfigNode parse(std::string_view yaml, const std::string& where, bool with_lines,
                 const fs::path& folder) {
  // yaml-cpp lets a quote that is never closed swallow the rest of a file; the mark of the end of a
  // document makes it an error.
  std::string text = clean_text(yaml, where);
  text += text.empty() || text.ends_with('\n') ? "...\n" : "\n...\n";
  std::istringstream stream(text);
  Builder builder(where, with_lines, folder);
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    const std::string place = builder.place(error.mark);
    if (error.msg.starts_with("the referenced anchor")) Builder::fail_alias(place);
    const bool open_quote =
        error.msg == YAML::ErrorMsg::EOF_IN_SCALAR || error.msg == YAML::ErrorMsg::DOC_IN_SCALAR;
    fail(place, ": invalid YAML: ", open_quote ? "a quote is not closed" : printable(error.msg));
  }
  return builder.take();
}

/// Wraps a bare value so that it can stand beside the keys of its section.
ConfigNode as_section(ConfigNode bare) {
  ConfigNode section;
  section.origin = bare.origin;
  section.folder = bare.folder;
  section.members.push_back({"", std::move(bare)});
  return section;
}

/// Whether a text is one YAML scalar in quotes from its first character to its last.
bool is_quoted(std::string_view text) {
  if (text.size() < 2 || (text[0] != '"' && text[0] != '\'')) return false;
  const char quote = text[0];
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (quote == '"' && text[i] == '\\') {
      ++i;
    } else if (text[i] == quote) {
      if (quote == '"' || i + 1 >= text.size() || text[i + 1] != quote) return i + 1 == text.size();
      ++i;
    }
  }
  return false;
}

/// A list or map in brackets with every '#' outside quotes hidden from YAML, to which it would
/// begin a comment.
std::string without_comments(std::string_view flow) {
  std::string out;
  char quote = 0;
  for (std::size_t i = 0; i < flow.size(); ++i) {
    const char c = flow[i];
    if (c == '#' && quote == 0) {
      config_detail::hide_byte(out, c);
      continue;
    }
    out += c;
    if (quote == '"' && c == '\\' && i + 1 < flow.size()) {
      out += flow[++i];
    } else if (quote != 0) {
      if (c == quote) quote = 0;
    } else if ((c == '"' || c == '\'') && i > 0 &&
               std::string_view("[{,: ").find(flow[i - 1]) != std::string_view::npos) {
      quote = c;  // an apostrophe inside a word opens nothing
    }
  }
  return out;
}

/// The value that a person typed behind `key=`. Quotes, brackets and null mean what they mean in
/// YAML; anything else is a scalar to its last byte, whatever it holds.
ConfigNode parse_value(const std::string& value, const std::string& where, const fs::path& folder) {
  const bool null = value.empty() || value == "~" || value == "null";
  const std::string yaml = config_detail::hide_bytes(value, /*again=*/false);  // see yaml_text
  if (null || is_quoted(value)) return parse(yaml, where, /*with_lines=*/false, folder);
  if (value[0] == '[' || value[0] == '{') {
    try {
      return parse(without_comments(yaml), where, /*with_lines=*/false, folder);
    } catch (const Error& error) {
      fail(error.what(), "; a text that begins with a bracket needs quotes around it");
    }
  }
  ConfigNode node;
  node.kind = Kind::kScalar;
  node.scalar = config_detail::hide_bytes(value);
  node.folder = folder;
  return node;
}

/// Origin for the person, place for error messages: "--set train.lr".
ConfigNode parse_override(const ConfigOverride& override) {
  const std::string where = override.origin + " " + override.key;
  std::error_code no_folder;  // of a working folder that is gone: then paths stay relative
  const fs::path folder = fs::current_path(no_folder);
  ConfigNode node = parse_value(override.value, where, folder);
  std::string key = override.key;
  for (;;) {
    const auto dot = key.rfind('.');
    std::string name = dot == key.npos ? key : key.substr(dot + 1);
    require(!name.empty(), where, ": expected a key such as train.lr");
    ConfigNode outer;
    outer.origin = where;
    outer.folder = folder;
    outer.members.push_back({std::move(name), std::move(node)});
    node = std::move(outer);
    if (dot == key.npos) return node;
    key.resize(dot);
  }
}

/// Errors want "--set train.lr"; what is remembered of a value is "--set".
void set_origin(ConfigNode& node, const std::string& origin) {
  node.origin = origin;
  for (auto& item : node.items) set_origin(item, origin);
  for (auto& member : node.members) set_origin(member.second, origin);
}

void mark_stored(ConfigNode& node) {
  node.stored = true;
  for (auto& item : node.items) mark_stored(item);
  for (auto& member : node.members) mark_stored(member.second);
}

}  // namespace

ConfigNode parse_config(std::string_view yaml, const std::string& where, const fs::path& folder) {
  ConfigNode node = parse(yaml, where, /*with_lines=*/true, folder);
  if (node.kind == Kind::kNull) node.kind = Kind::kMap;
  require(node.kind == Kind::kMap, node.origin, ": expected lines such as 'key: value'; found ",
          node.kind == Kind::kList ? "a list" : "a text");
  return node;
}

void merge_config(ConfigNode& into, ConfigNode from) {
  if (from.kind == Kind::kNull) {
    if (into.kind != Kind::kMap) into = std::move(from);
    return;
  }
  if (into.kind == Kind::kMap && from.kind != Kind::kMap) from = as_section(std::move(from));
  const bool bare = into.kind == Kind::kScalar || into.kind == Kind::kList;
  if (bare && from.kind == Kind::kMap) into = as_section(std::move(into));
  if (into.kind != Kind::kMap || from.kind != Kind::kMap) {
    into = std::move(from);
    return;
  }
  for (auto& [name, value] : from.members) {
    const auto same_name = [&name = name](const auto& member) { return member.first == name; };
    const auto found = std::find_if(into.members.begin(), into.members.end(), same_name);
    if (found == into.members.end()) {
      into.members.push_back({std::move(name), std::move(value)});
    } else {  // the last set stands last: a bare value and the field it means are bound in turn
      merge_config(found->second, std::move(value));
      std::rotate(found, found + 1, into.members.end());
    }
  }
}

ConfigNode read_config(const ConfigInputs& inputs) {
  ConfigNode merged;
  for (const auto& path : inputs.files) {
    const std::string text = read_file(path, kMaxBytes);
    std::error_code no_folder;
    const fs::path folder = fs::absolute(path, no_folder).lexically_normal().parent_path();
    auto node = parse_config(text, printable(path.string(), 400), folder);
    if (path == inputs.stored) mark_stored(node);
    merge_config(merged, std::move(node));
  }
  for (const auto& override : inputs.overrides) {
    ConfigNode node = parse_override(override);
    set_origin(node, override.origin);
    merge_config(merged, std::move(node));
  }
  return merged;
}

Error with_origin(const Error& error, const ConfigOrigins& origins) {
  const auto found = origins.find(error.key());
  if (found == origins.end()) return error;
  const auto& origin = found->second;
  const bool option = origin.starts_with("-") && origin != "--set";
  const auto about_value = concat(Key{error.key()}, ": ");
  const std::string_view message = error.what();
  if (option || !message.starts_with(about_value)) return error;
  return {error.kind(), concat(origin, ": ", error.key(), ": ", message.substr(about_value.size())),
          error.key()};
}

}  // namespace gptkit
