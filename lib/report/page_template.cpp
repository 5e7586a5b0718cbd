#include "report/page_template.h"

#include <set>
#include <stdexcept>

#include "base/error.h"
#include "base/html_escape.h"

namespace gptkit {

namespace {

struct File {
  std::string_view name, text;
};

constexpr File kFiles[] = {
#include "page_templates.inc"
};

template <class... Parts>
[[noreturn]] void bug(const Parts&... parts) {
  throw std::logic_error(concat("page template: ", parts...));
}

struct Node {
  enum class Kind { kText, kPlace, kMarkup, kSection, kInverted };
  Kind kind = Kind::kText;
  std::string text = {};  // of kText; else the name
  std::vector<Node> body = {};
};

struct Tag {
  char sign = 0;  // '#', '^', '/', '{' or 0
  std::string name;
};

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::vector<Node> parse() { return body_until(""); }

 private:
  std::string_view text_;
  size_t at_ = 0;

  std::vector<Node> body_until(const std::string& section) {
    std::vector<Node> body;
    for (;;) {
      const auto open = text_.find("{{", at_);
      if (open == text_.npos) {
        if (!section.empty()) bug("the section '", section, "' is not closed");
        body.push_back({.text = std::string(text_.substr(at_))});
        at_ = text_.size();
        return body;
      }
      body.push_back({.text = std::string(text_.substr(at_, open - at_))});
      const auto tag = take_tag(open);
      if (tag.sign == '#' || tag.sign == '^' || tag.sign == '/') skip_end_of_lone_line(open);
      if (tag.sign == '/') {
        if (tag.name != section) bug("'", tag.name, "' ends inside '", section, "'");
        return body;
      }
      body.push_back(node_of(tag));
    }
  }

  Node node_of(const Tag& tag) {
    switch (tag.sign) {
      case '#':
        return {Node::Kind::kSection, tag.name, body_until(tag.name)};
      case '^':
        return {Node::Kind::kInverted, tag.name, body_until(tag.name)};
      case '{':
        return {Node::Kind::kMarkup, tag.name};
      default:
        return {Node::Kind::kPlace, tag.name};
    }
  }

  Tag take_tag(size_t open) {
    Tag tag;
    size_t begin = open + 2;
    const char first = begin < text_.size() ? text_[begin] : '\0';
    if (first == '#' || first == '^' || first == '/' || first == '{') {
      tag.sign = first;
      ++begin;
    }
    const std::string_view end = tag.sign == '{' ? "}}}" : "}}";
    const auto close = text_.find(end, begin);
    if (close == text_.npos) bug("a tag is not closed");
    tag.name = text_.substr(begin, close - begin);
    const auto plain = "abcdefghijklmnopqrstuvwxyz_0123456789";
    if (tag.name.empty() || tag.name.find_first_not_of(plain) != tag.name.npos) {
      bug("'", tag.name, "' is not a name");
    }
    at_ = close + end.size();
    return tag;
  }

  void skip_end_of_lone_line(size_t open) {
    const bool begins = open == 0 || text_[open - 1] == '\n';
    const bool ends = at_ < text_.size() && text_[at_] == '\n';
    if (begins && ends) ++at_;
  }
};

/// All names inside, at any depth.
void collect_names(const std::vector<Node>& nodes, std::set<std::string>& names) {
  for (const auto& node : nodes) {
    if (node.kind != Node::Kind::kText) names.insert(node.text);
    collect_names(node.body, names);
  }
}

bool shows(const PageValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return !text->empty();
  if (const auto* html = std::get_if<Html>(&value)) return !html->markup.empty();
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  return !std::get<PageList>(value).empty();
}

class Renderer {
 public:
  std::string render(const std::vector<Node>& nodes, const PageValues& values) {
    in_scope(nodes, values);
    return std::move(out_);
  }

 private:
  std::string out_;
  std::vector<const PageValues*> scopes_;

  void in_scope(const std::vector<Node>& nodes, const PageValues& values) {
    std::set<std::string> names;
    collect_names(nodes, names);
    for (const auto& [name, value] : values.all()) {
      if (!names.contains(name)) bug("there is no place for the value '", name, "'");
    }
    scopes_.push_back(&values);
    write(nodes);
    scopes_.pop_back();
  }

  const PageValue& value_of(const std::string& name) const {
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      if (const auto* value = (*scope)->find(name)) return *value;
    }
    bug("there is no value for '", name, "'");
  }

  void write(const std::vector<Node>& nodes) {
    for (const auto& node : nodes) write(node);
  }

  void write(const Node& node) {
    if (node.kind == Node::Kind::kText) {
      out_ += node.text;
      return;
    }
    const auto& value = value_of(node.text);
    switch (node.kind) {
      case Node::Kind::kPlace:
        if (!std::holds_alternative<std::string>(value)) bug("'", node.text, "' is not a text");
        out_ += html_escape(std::get<std::string>(value));
        break;
      case Node::Kind::kMarkup:
        if (!std::holds_alternative<Html>(value)) bug("'", node.text, "' is not an Html");
        out_ += std::get<Html>(value).markup;
        break;
      case Node::Kind::kInverted:
        if (!shows(value)) write(node.body);
        break;
      default:
        write_section(node.body, value);
    }
  }

  void write_section(const std::vector<Node>& body, const PageValue& value) {
    if (const auto* list = std::get_if<PageList>(&value)) {
      for (const auto& item : *list) in_scope(body, item);
    } else if (shows(value)) {
      write(body);
    }
  }
};

}  // namespace

PageValues::PageValues(std::initializer_list<std::pair<const std::string, PageValue>> values)
    : values_(values) {}

void PageValues::set(const std::string& name, PageValue value) {
  values_.insert_or_assign(name, std::move(value));
}

const PageValue* PageValues::find(const std::string& name) const {
  const auto found = values_.find(name);
  return found == values_.end() ? nullptr : &found->second;
}

const std::map<std::string, PageValue>& PageValues::all() const { return values_; }

std::string render_text(std::string_view text, const PageValues& values) {
  return Renderer().render(Parser(text).parse(), values);
}

std::string_view template_text(std::string_view template_name) {
  for (const auto& file : kFiles) {
    if (file.name == template_name) return file.text;
  }
  bug("there is no template '", template_name, "'");
}

Html render(std::string_view template_name, const PageValues& values) {
  return {render_text(template_text(template_name), values)};
}

}  // namespace gptkit
