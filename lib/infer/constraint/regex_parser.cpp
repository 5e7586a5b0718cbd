// The grammar of expressions, read by recursive descent; the nesting is bounded first.

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "infer/constraint/regex.h"

namespace gptkit {

namespace {

constexpr std::size_t kMostBytes = 10'000;
constexpr std::int64_t kMostPositions = 10'000;
constexpr std::uint32_t kMostCount = 1'000;
constexpr int kMostGroups = 100;

using Kind = RegexNode::Kind;

const CharacterSet& digits() {
  static const CharacterSet set({{'0', '9'}});
  return set;
}
const CharacterSet& word_characters() {
  static const CharacterSet set({{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}});
  return set;
}
const CharacterSet& blanks() {
  static const CharacterSet set({{'\t', '\r'}, {' ', ' '}});
  return set;
}
const CharacterSet& line_ends() {
  static const CharacterSet set({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}});
  return set;
}

class RegexParser {
 public:
  RegexParser(std::string_view pattern, const std::string& where)
      : pattern_(pattern), where_(where) {}

  Regex parse() {
    Regex regex;
    do {
      auto& branch = regex.branches.emplace_back();
      branch.at_begin = take('^');
      branch.node = sequence(/*groups=*/0);
      branch.at_end = take('$');
      if (!at_end() && peek() != '|') stray();
      positions(branch.node);
    } while (take('|'));
    return regex;
  }

 private:
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(where_, ": byte ", at_, " of the regular expression: ", parts...);
  }

  [[noreturn]] void stray() const {
    if (peek() == ')') refuse("')' closes no group; write \\) for the character");
    refuse(
        "the anchors ^ and $ are supported only at the beginning and at the end; write \\^ or "
        "\\$ for the characters");
  }

  bool at_end() const { return at_ >= pattern_.size(); }
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < pattern_.size() ? pattern_[at_ + ahead] : '\0';
  }
  bool take(char c) {
    if (at_end() || peek() != c) return false;
    ++at_;
    return true;
  }
  char32_t character() {
    const auto c = decode_utf8(pattern_, at_);
    at_ += c.bytes;
    return c.code;
  }

  RegexNode alternatives(int groups) {
    RegexNode node{.kind = Kind::kAlternatives};
    do {
      node.children.push_back(sequence(groups));
    } while (take('|'));
    return node;
  }

  RegexNode sequence(int groups) {
    RegexNode node{.kind = Kind::kSequence};
    while (!at_end() && peek() != '|' && peek() != ')' && peek() != '$') {
      node.children.push_back(repeated(atom(groups)));
    }
    return node;
  }

  RegexNode atom(int groups) {
    const char c = peek();
    if (c == '^') stray();
    if (c == '(') return group(groups + 1);
    if (c == '*' || c == '+' || c == '?') refuse("'", c, "' has nothing to repeat in front of it");
    if (c == '{') refuse("'{' has nothing to repeat in front of it; write \\{ for the character");
    if (c == '[') return of(character_class());
    if (c == '.') return ++at_, of(line_ends().complement());
    if (c == '\\') return of(escape(/*in_class=*/false));
    const auto code = character();
    return of(CharacterSet({{code, code}}));
  }

  static RegexNode of(CharacterSet set) {
    return {.kind = Kind::kCharacter, .set = std::move(set)};
  }

  RegexNode group(int groups) {
    if (groups > kMostGroups) refuse("groups are nested deeper than ", kMostGroups);
    ++at_;
    group_prefix();
    auto node = alternatives(groups);
    if (!at_end() && peek() == '$') stray();
    if (!take(')')) refuse("a group is not closed; write ) at its end, or \\( for the character");
    return node;
  }

  /// What may stand behind `(`: nothing, `?:`, or a name that has no effect.
  void group_prefix() {
    if (!take('?')) return;
    if (take(':')) return;
    const bool python = take('P');
    if (peek() == '=' || peek() == '!' || (!python && peek() == '<' && lookbehind())) {
      if (python) refuse("back-references (?P=name) are not supported");
      refuse("look-around (?= (?! (?<= (?<! is not supported");
    }
    if (peek() == '>') refuse("atomic groups (?>...) are not supported");
    if (peek() != '<') refuse("flags (?i) and the like are not supported");
    const auto close = pattern_.find('>', at_);
    if (close == pattern_.npos) refuse("the name of a group is not closed; write (?<name>...)");
    at_ = close + 1;
  }

  bool lookbehind() const { return peek(1) == '=' || peek(1) == '!'; }

  RegexNode repeated(RegexNode child) {
    const auto count = quantifier();
    if (!count) return child;
    take('?');  // a lazy form has the same language
    if (peek() == '+')
      refuse("possessive quantifiers such as ", pattern_.substr(at_ - 1, 2), " are not supported");
    if (peek() == '*' || peek() == '?' || peek() == '{') {
      refuse("a repetition cannot be repeated; put it in a group: (?:...)");
    }
    RegexNode node{.kind = Kind::kRepeat, .least = count->first, .most = count->second};
    node.children.push_back(std::move(child));
    return node;
  }

  using Count = std::pair<std::uint32_t, std::uint32_t>;

  std::optional<Count> quantifier() {
    if (take('*')) return Count{0, ByteGrammar::kUnbounded};
    if (take('+')) return Count{1, ByteGrammar::kUnbounded};
    if (take('?')) return Count{0, 1};
    if (!take('{')) return std::nullopt;
    const auto least = number();
    const bool open = take(',');
    const auto most = !open ? least : peek() == '}' ? ByteGrammar::kUnbounded : number();
    if (!take('}')) refuse("a count is not closed; expected {m}, {m,} or {m,n}");
    if (least > most)
      refuse("{", least, ",", most, "} counts down; write the smaller number first");
    return Count{least, most};
  }

  std::uint32_t number() {
    if (peek() < '0' || peek() > '9') {
      refuse("expected {m}, {m,} or {m,n}; write \\{ for the character");
    }
    std::uint32_t value = 0;
    while (peek() >= '0' && peek() <= '9') {
      value = value * 10 + static_cast<std::uint32_t>(pattern_[at_++] - '0');
      if (value > kMostCount)
        refuse("a count is above ", kMostCount, ", the most that is supported");
    }
    return value;
  }

  CharacterSet character_class() {
    ++at_;
    const bool negated = take('^');
    if (peek() == ']') refuse("a class is empty; write \\] for the character");
    CharacterSet set;
    while (!take(']')) {
      if (at_end()) refuse("a class is not closed; write ] at its end, or \\[ for the character");
      if (peek() == '[' && peek(1) == ':') refuse("classes such as [:alpha:] are not supported");
      set = set.united(class_item());
    }
    return negated ? set.complement() : set;
  }

  /// A character, a range, or an escape that stands for several.
  CharacterSet class_item() {
    auto first = class_character();
    if (peek() != '-' || peek(1) == ']' || at_ + 1 >= pattern_.size()) return first;
    ++at_;
    const auto last = class_character();
    const auto single = [](const CharacterSet& set) {
      return set.ranges().size() == 1 && set.ranges()[0].first == set.ranges()[0].last;
    };
    if (!single(first) || !single(last)) refuse("a range needs one character at each end");
    const auto from = first.ranges()[0].first, to = last.ranges()[0].first;
    if (from > to) refuse("a range runs backwards; write the smaller character first");
    return CharacterSet({{from, to}});
  }

  CharacterSet class_character() {
    if (peek() == '\\') return escape(/*in_class=*/true);
    const auto code = character();
    return CharacterSet({{code, code}});
  }

  CharacterSet escape(bool in_class) {
    ++at_;
    if (at_end()) refuse("a backslash ends the expression; write \\\\ for the character");
    const char c = pattern_[at_++];
    const auto one = [](char32_t code) { return CharacterSet({{code, code}}); };
    switch (c) {
      case 'd':
        return digits();
      case 'D':
        return digits().complement();
      case 'w':
        return word_characters();
      case 'W':
        return word_characters().complement();
      case 's':
        return blanks();
      case 'S':
        return blanks().complement();
      case 'n':
        return one('\n');
      case 't':
        return one('\t');
      case 'r':
        return one('\r');
      case 'f':
        return one('\f');
      case 'v':
        return one('\v');
      case 'x':
        return one(hexadecimal(2));
      case 'u':
        return one(unicode());
      default:
        break;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (letter || digit) refuse_escape(c, in_class);
    --at_;
    return one(character());
  }

  [[noreturn]] void refuse_escape(char c, bool in_class) const {
    if (c >= '1' && c <= '9') refuse("back-references (\\", c, ") are not supported");
    if (c == 'k') refuse("back-references (\\k) are not supported");
    if (!in_class && (c == 'b' || c == 'B'))
      refuse("word boundaries (\\", c, ") are not supported");
    if (c == 'p' || c == 'P') refuse("Unicode properties (\\", c, ") are not supported");
    if (c == 'A' || c == 'Z' || c == 'z' || c == 'G') {
      refuse("the anchor \\", c, " is not supported; the whole text has to match anyway");
    }
    refuse("the escape \\", c, " is not supported");
  }

  char32_t unicode() {
    if (!take('{')) return scalar(hexadecimal(4));
    char32_t code = 0;
    while (!at_end() && peek() != '}' && code <= 0x10FFFF) code = code * 16 + hexadecimal(1);
    if (!take('}')) refuse("expected \\u{...} with a character up to 10FFFF");
    return scalar(code);
  }

  char32_t scalar(char32_t code) const {
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
      refuse("\\u names no character; a pair of surrogates is written \\u{1F600}");
    }
    return code;
  }

  char32_t hexadecimal(int n) {
    char32_t code = 0;
    for (int i = 0; i < n; ++i, ++at_) {
      const char c = peek();
      const bool digit = c >= '0' && c <= '9';
      const bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      if (!digit && !letter) refuse("expected hexadecimal digits: \\xHH, \\uHHHH or \\u{H...}");
      code = code * 16 + static_cast<char32_t>(digit ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return code;
  }

  std::int64_t positions(RegexNode& node) const {
    node.positions = node.kind == Kind::kCharacter ? 1 : 0;
    for (auto& child : node.children) node.positions += positions(child);
    if (node.kind == Kind::kRepeat) {
      node.positions *=
          std::max<std::int64_t>(1, node.most == ByteGrammar::kUnbounded ? node.least : node.most);
    }
    if (node.positions > kMostPositions) {
      fail(where_, ": the regular expression stands for more than ", kMostPositions,
           " characters with its counts written out; use smaller counts, or * and +");
    }
    return node.positions;
  }

  std::string_view pattern_;
  const std::string& where_;
  std::size_t at_ = 0;
};

}  // namespace

Regex parse_regex(std::string_view pattern, const std::string& where) {
  require(!pattern.empty(), where, ": the regular expression is empty; leave it out");
  require(pattern.size() <= kMostBytes, where, ": the regular expression has ", pattern.size(),
          " bytes; at most ", kMostBytes, " are supported");
  require(is_valid_utf8(pattern), where, ": the regular expression is not valid UTF-8");
  return RegexParser(pattern, where).parse();
}

}  // namespace gptkit
