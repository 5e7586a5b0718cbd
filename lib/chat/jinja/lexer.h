#pragma once
// A chat template as tokens, with the white space that jinja2 takes away (trim_blocks and
// lstrip_blocks, as transformers sets them) gone.
// https://jinja.palletsprojects.com/en/stable/templates/#whitespace-control

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gptkit::jinja {

enum class TokenKind {
  kData,         ///< text between the tags
  kOutputBegin,  ///< {{
  kOutputEnd,
  kBlockBegin,  ///< {%
  kBlockEnd,
  kName,
  kString,
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string text;  ///< of data, names, operators; a string's value
  int line = 1;
  std::int64_t integer = 0;
  double number = 0;

  bool is(std::string_view operator_text) const {
    return kind == TokenKind::kOperator && text == operator_text;
  }
  bool is_name(std::string_view name) const { return kind == TokenKind::kName && text == name; }
};

/// The tokens of a template, kEnd last. Fails with "WHERE: line N: ..." if the text is not Jinja.
std::vector<Token> tokenize(std::string_view source, const std::string& where);

}  // namespace gptkit::jinja
