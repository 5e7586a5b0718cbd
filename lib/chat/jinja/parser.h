#pragma once
// Tokens -> syntax tree: expressions in parser.cpp, tags in tag_parser.cpp. The grammar is that of
// jinja2/parser.py.

#include <string>
#include <vector>

#include "base/error.h"
#include "chat/jinja/lexer.h"
#include "chat/jinja/syntax.h"

namespace gptkit::jinja {

/// The tokens of a template, one after the other.
class TokenReader {
 public:
  TokenReader(std::vector<Token> tokens, const std::string& where)
      : tokens_(std::move(tokens)), where_(where) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& following() const { return tokens_[std::min(at_ + 1, tokens_.size() - 1)]; }
  const Token& next() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }
  bool skip(std::string_view operator_text);
  bool skip_name(std::string_view name);
  void expect(std::string_view operator_text);
  void expect(TokenKind kind, std::string_view shown);
  std::string expect_name();

  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(where_, ": chat template, line ", current().line, ": ", printable(concat(parts...), 600));
  }
  /// Fails naming the token that was not expected here.
  [[noreturn]] void refuse_token(std::string_view expected) const;

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  const std::string& where_;
};

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenReader& tokens) : tokens_(tokens) {}

  ExpressionPtr parse();            ///< with an inline if
  ExpressionPtr parse_condition();  ///< without
  /// Expressions with commas between them are a tuple.
  ExpressionPtr parse_tuple(bool with_inline_if = true);
  /// The filters of a {% filter %} or of a block set, the first one without its '|'.
  ExpressionPtr parse_filters();
  /// ( arguments ) of a call, onto `call`.
  void parse_arguments(Expression& call);

  /// The macro whose body is parsed, if any; it learns which names its body uses.
  MacroSyntax* macro = nullptr;

 private:
  TokenReader& tokens_;
  int nesting_ = 0;

  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  ExpressionPtr parse_compare();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_joined();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool with_filter = true);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_name(const Token& token);
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr value);
  ExpressionPtr parse_filtered(ExpressionPtr value);
  std::string parse_dotted_name();
  ExpressionPtr parse_filter(ExpressionPtr value);
  ExpressionPtr parse_test(ExpressionPtr value);
  ExpressionPtr parse_attribute(ExpressionPtr value);
  ExpressionPtr parse_item(ExpressionPtr value);
  bool at_operator(std::initializer_list<std::string_view> operators) const;

  Expression make(Expression::Kind kind) const;
  ExpressionPtr finish(Expression expression);
};

}  // namespace gptkit::jinja
