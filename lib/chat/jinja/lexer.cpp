#include "chat/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/error.h"
#include "chat/jinja/string_literal.h"
#include "chat/jinja/value.h"
#include "text/unicode.h"

namespace gptkit::jinja {

namespace {

/// Line ends as "\n", without the last one, as jinja2 reads a template.
std::string with_plain_newlines(std::string_view source) {
  std::string text;
  for (std::size_t at = 0; at < source.size(); ++at) {
    if (source[at] != '\r') {
      text += source[at];
      continue;
    }
    text += '\n';
    if (source.substr(at + 1).starts_with('\n')) ++at;
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

bool begins_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80) != 0;
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool continues_name(char c) { return begins_name(c) || is_digit(c); }

class Lexer {
 public:
  Lexer(std::string_view source, const std::string& where)
      : source_(with_plain_newlines(source)), text_(source_), where_(where) {}

  std::vector<Token> read() {
    while (at_ < text_.size()) read_data();
    add(TokenKind::kEnd, "");
    return std::move(tokens_);
  }

 private:
  const std::string source_;
  const std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
  int line_ = 1;
  bool line_starts_ = true;  // what was read last ended with a line
  std::vector<Token> tokens_;

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(where_, ": chat template, line ", line_, ": ", printable(concat(parts...), 600));
  }

  void add(TokenKind kind, std::string text) {
    tokens_.push_back({.kind = kind, .text = std::move(text), .line = line_});
  }
  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  /// Moves on by so many bytes, counting lines.
  void advance(std::size_t bytes) {
    const auto passed = text_.substr(at_, bytes);
    line_ += static_cast<int>(std::count(passed.begin(), passed.end(), '\n'));
    if (!passed.empty()) line_starts_ = passed.back() == '\n';
    at_ += passed.size();
  }

  void skip_space() {
    while (at_ < text_.size()) {
      const Utf8Char c = decode_utf8(text_, at_);
      if (!c.valid || !is_python_space(c.code)) return;
      advance(c.bytes);
    }
  }

  static std::string_view without_last_space(std::string_view text) {
    std::size_t end = 0;
    for (std::size_t at = 0; at < text.size();) {
      const Utf8Char c = decode_utf8(text, at);
      at += c.bytes;
      if (!c.valid || !is_python_space(c.code)) end = at;
    }
    return text.substr(0, end);
  }

  /// What stays of the text before a tag with this sign ('-', '+' or none).
  std::string_view before_tag(std::string_view text, char sign, bool output) const {
    if (sign == '-') return without_last_space(text);
    if (sign == '+' || output) return text;
    const std::size_t line = text.rfind('\n') + 1;  // npos + 1 is 0
    const bool blank = without_last_space(text.substr(line)).empty();
    return (line > 0 || line_starts_) && blank ? text.substr(0, line) : text;
  }

  static char sign_at(std::string_view text, std::size_t at) {
    const char c = at < text.size() ? text[at] : ' ';
    return c == '-' || c == '+' ? c : ' ';
  }

  /// Text up to the next tag, and the tag.
  void read_data() {
    std::size_t tag = at_;
    while (tag < text_.size() &&
           !(text_[tag] == '{' && tag + 1 < text_.size() &&
             (text_[tag + 1] == '{' || text_[tag + 1] == '%' || text_[tag + 1] == '#'))) {
      ++tag;
    }
    const auto data = text_.substr(at_, tag - at_);
    if (tag == text_.size()) {
      add_data(data);
      return advance(data.size());
    }
    const char kind = text_[tag + 1], sign = sign_at(text_, tag + 2);
    add_data(before_tag(data, sign, kind == '{'));
    advance(data.size() + 2 + (sign == ' ' ? 0 : 1));
    if (kind == '#') {
      read_comment();
    } else if (kind == '{') {
      read_tag("}}", TokenKind::kOutputBegin, TokenKind::kOutputEnd);
    } else if (!read_raw()) {
      read_tag("%}", TokenKind::kBlockBegin, TokenKind::kBlockEnd);
    }
  }

  void add_data(std::string_view data) {
    if (!data.empty()) add(TokenKind::kData, std::string(data));
  }

  /// The white space behind a tag that ended with this sign.
  void skip_behind(char sign, bool output) {
    if (sign == '-') return skip_space();
    if (sign != '+' && !output && starts("\n")) advance(1);
  }

  void read_comment() {
    const std::size_t end = text_.find("#}", at_);
    if (end == text_.npos) refuse("a comment is not closed; expected #}");
    const char sign = end > at_ ? sign_at(text_, end - 1) : ' ';
    advance(end + 2 - at_);
    skip_behind(sign, /*output=*/false);
  }

  /// How many bytes a tag `name` with its end takes at `at`, 0 when there is none; `sign` gets the
  /// sign of its end.
  std::size_t bare_tag(std::size_t at, std::string_view name, char& sign) const {
    std::size_t end = at;
    const auto skip = [&] {
      while (end < text_.size() &&
             (text_[end] == ' ' || text_[end] == '\n' || text_[end] == '\t')) {
        ++end;
      }
    };
    skip();
    if (!text_.substr(end).starts_with(name)) return 0;
    end += name.size();
    skip();
    sign = sign_at(text_, end);
    if (sign != ' ') ++end;
    return text_.substr(end).starts_with("%}") ? end + 2 - at : 0;
  }

  bool read_raw() {
    char sign = ' ';
    const std::size_t begin = bare_tag(at_, "raw", sign);
    if (begin == 0 || sign == '+') return false;
    advance(begin);
    skip_behind(sign, /*output=*/true);  // the line end behind it stays
    for (std::size_t tag = text_.find("{%", at_); tag != text_.npos;
         tag = text_.find("{%", tag + 1)) {
      const char left = sign_at(text_, tag + 2);
      const std::size_t name = tag + 2 + (left == ' ' ? 0 : 1);
      const std::size_t bytes = bare_tag(name, "endraw", sign);
      if (bytes == 0) continue;
      add_data(before_tag(text_.substr(at_, tag - at_), left, /*output=*/false));
      advance(name + bytes - at_);
      skip_behind(sign, /*output=*/false);
      return true;
    }
    refuse("{% raw %} is not closed; expected {% endraw %}");
  }

  /// The tokens inside a tag, up to its end.
  void read_tag(std::string_view end, TokenKind begin_kind, TokenKind end_kind) {
    add(begin_kind, "");
    const bool output = end == "}}";
    std::string open;  // the brackets that are not closed yet
    for (;;) {
      skip_space();
      if (at_ >= text_.size()) refuse("the tag is not closed; expected ", end);
      const char sign = sign_at(text_, at_);
      const bool signed_end =
          text_.substr(at_ + 1).starts_with(end) && (sign == '-' || (sign == '+' && !output));
      if (open.empty() && (signed_end || starts(end))) {
        add(end_kind, "");
        advance(end.size() + (signed_end ? 1 : 0));
        return skip_behind(signed_end ? sign : ' ', output);
      }
      read_token(open);
    }
  }

  void read_token(std::string& open) {
    const char c = text_[at_];
    if (begins_name(c)) {
      std::size_t end = at_;
      while (end < text_.size() && continues_name(text_[end])) ++end;
      add(TokenKind::kName, std::string(text_.substr(at_, end - at_)));
      advance(end - at_);
    } else if (is_digit(c)) {
      read_number();
    } else if (c == '\'' || c == '"') {
      read_string(c);
    } else {
      read_operator(open);
    }
  }

  std::size_t digits_from(std::size_t at) const {
    std::size_t end = at;
    while (end < text_.size() && (is_digit(text_[end]) || (text_[end] == '_' && end > at))) ++end;
    while (end > at && text_[end - 1] == '_') --end;
    return end;
  }

  void read_number() {
    std::size_t end = digits_from(at_);
    bool real = false;
    const bool attribute = at_ > 0 && text_[at_ - 1] == '.';
    if (!attribute && end + 1 < text_.size() && text_[end] == '.' && is_digit(text_[end + 1])) {
      real = true;
      end = digits_from(end + 1);
    }
    if (!attribute && end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      const std::size_t power = end + 1 + (sign_at(text_, end + 1) == ' ' ? 0 : 1);
      if (power < text_.size() && is_digit(text_[power])) {
        real = true;
        end = digits_from(power);
      }
    }
    std::string digits(text_.substr(at_, end - at_));
    std::erase(digits, '_');
    add(real ? TokenKind::kFloat : TokenKind::kInteger, digits);
    const char* last = digits.data() + digits.size();
    const auto result = real ? std::from_chars(digits.data(), last, tokens_.back().number)
                             : std::from_chars(digits.data(), last, tokens_.back().integer);
    const bool octal = !real && digits.size() > 1 && digits.front() == '0' &&
                       digits.find_first_not_of('0') != digits.npos;
    const bool more = end < text_.size() && continues_name(text_[end]);
    if (result.ec != std::errc() || octal || more) {
      refuse("the number '", digits,
             "' is not supported; expected a decimal one of at most 64 bits");
    }
    advance(end - at_);
  }

  void read_string(char quote) {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != quote) end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) refuse("the string ", quote, " is not closed");
    const auto value = unescape(text_.substr(at_ + 1, end - at_ - 1));
    if (!value) refuse("a string has an escape that is not supported");
    add(TokenKind::kString, *value);
    advance(end + 1 - at_);
  }

  void read_operator(std::string& open) {
    constexpr std::array<std::string_view, 27> kOperators = {
        "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]",
        "(",  ")",  "{",  "}",  ">",  "<",  "=", ".", ":", "|", ",", ";", "!"};
    const auto found = std::find_if(kOperators.begin(), kOperators.end(),
                                    [&](std::string_view text) { return starts(text); });
    if (found == kOperators.end() || *found == "!" || *found == ";") {
      refuse("unexpected '", printable(text_.substr(at_, decode_utf8(text_, at_).bytes)), "'");
    }
    const char c = found->front();
    if (c == '(' || c == '[' || c == '{') open += c == '(' ? ')' : c == '[' ? ']' : '}';
    if (c == ')' || c == ']' || c == '}') {
      if (open.empty()) refuse("unexpected '", c, "'");
      if (open.back() != c) refuse("unexpected '", c, "'; expected '", open.back(), "'");
      open.pop_back();
    }
    add(TokenKind::kOperator, std::string(*found));
    advance(found->size());
  }
};

}  // namespace

std::vector<Token> tokenize(std::string_view source, const std::string& where) {
  return Lexer(source, where).read();
}

}  // namespace gptkit::jinja
