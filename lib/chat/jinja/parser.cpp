#include "chat/jinja/parser.h"

#include <algorithm>

namespace gptkit::jinja {

namespace {

/// How deep expressions may be inside each other, so that no template overflows the stack.
constexpr int kMostNesting = 100;

using Kind = Expression::Kind;

/// Counts a level of recursion.
class Nested {
 public:
  explicit Nested(int& nesting) : nesting_(nesting) { ++nesting_; }
  ~Nested() { --nesting_; }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;

 private:
  int& nesting_;
};

}  // namespace

bool TokenReader::skip(std::string_view operator_text) {
  if (!current().is(operator_text)) return false;
  next();
  return true;
}

bool TokenReader::skip_name(std::string_view name) {
  if (!current().is_name(name)) return false;
  next();
  return true;
}

void TokenReader::expect(std::string_view operator_text) {
  if (!skip(operator_text)) refuse_token(concat("'", operator_text, "'"));
}

void TokenReader::expect(TokenKind kind, std::string_view shown) {
  if (current().kind != kind) refuse_token(shown);
  next();
}

std::string TokenReader::expect_name() {
  if (current().kind != TokenKind::kName) refuse_token("a name");
  return next().text;
}

void TokenReader::refuse_token(std::string_view expected) const {
  const Token& token = current();
  std::string found = concat("'", printable(token.text, 40), "'");
  if (token.kind == TokenKind::kEnd) found = "the template's end";
  if (token.kind == TokenKind::kBlockEnd) found = "%}";
  if (token.kind == TokenKind::kOutputEnd) found = "}}";
  refuse("unexpected ", found, "; expected ", expected);
}

Expression ExpressionParser::make(Kind kind) const {
  Expression expression;
  expression.kind = kind;
  expression.line = tokens_.current().line;
  return expression;
}

ExpressionPtr ExpressionParser::finish(Expression expression) {
  const auto add = [&](const ExpressionPtr& part) {
    if (part) expression.depth = std::max(expression.depth, part->depth + 1);
  };
  for (const auto& part : expression.parts) add(part);
  for (const auto& [name, part] : expression.named) add(part);
  add(expression.spread);
  add(expression.spread_named);
  if (expression.depth > kMostNesting) {
    tokens_.refuse("more than ", kMostNesting, " nested operations");
  }
  return std::make_unique<Expression>(std::move(expression));
}

bool ExpressionParser::at_operator(std::initializer_list<std::string_view> operators) const {
  return std::any_of(operators.begin(), operators.end(),
                     [&](std::string_view text) { return tokens_.current().is(text); });
}

ExpressionPtr ExpressionParser::parse() {
  const Nested nested(nesting_);
  if (nesting_ > kMostNesting) tokens_.refuse("more than ", kMostNesting, " nested brackets");
  auto value = parse_condition();
  while (tokens_.current().is_name("if")) {
    auto expression = make(Kind::kConditional);
    tokens_.next();
    expression.parts.push_back(std::move(value));
    expression.parts.push_back(parse_condition());
    expression.parts.push_back(tokens_.skip_name("else") ? parse() : nullptr);
    value = finish(std::move(expression));
  }
  return value;
}

ExpressionPtr ExpressionParser::parse_condition() {
  auto left = parse_and();
  while (tokens_.current().is_name("or")) {
    auto expression = make(Kind::kOr);
    tokens_.next();
    expression.parts.push_back(std::move(left));
    expression.parts.push_back(parse_and());
    left = finish(std::move(expression));
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_and() {
  auto left = parse_not();
  while (tokens_.current().is_name("and")) {
    auto expression = make(Kind::kAnd);
    tokens_.next();
    expression.parts.push_back(std::move(left));
    expression.parts.push_back(parse_not());
    left = finish(std::move(expression));
  }
  return left;
}

ExpressionPtr ExpressionParser::parse_not() {
  if (!tokens_.current().is_name("not")) return parse_compare();
  const Nested nested(nesting_);
  if (nesting_ > kMostNesting) tokens_.refuse("too many 'not'");
  auto expression = make(Kind::kNot);
  tokens_.next();
  expression.parts.push_back(parse_not());
  return finish(std::move(expression));
}

ExpressionPtr ExpressionParser::parse_compare() {
  auto first = parse_sum();
  auto expression = make(Kind::kCompare);
  for (;;) {
    std::string name;
    if (at_operator({"==", "!=", "<", "<=", ">", ">="})) {
      name = tokens_.next().text;
    } else if (tokens_.skip_name("in")) {
      name = "in";
    } else if (tokens_.current().is_name("not") && tokens_.following().is_name("in")) {
      tokens_.next();
      tokens_.next();
      name = "not in";
    } else {
      break;
    }
    if (first) expression.parts.push_back(std::move(first));
    expression.operators.push_back(name);
    expression.parts.push_back(parse_sum());
  }
  return first ? std::move(first) : finish(std::move(expression));
}

namespace {

/// Operators of one rank, from left to right.
template <class Operand, class Make, class Finish, class At>
ExpressionPtr parse_binary(TokenReader& tokens, const At& at_operator, const Operand& operand,
                           const Make& make, const Finish& finish) {
  auto left = operand();
  while (at_operator()) {
    Expression expression = make();
    expression.name = tokens.next().text;
    expression.parts.push_back(std::move(left));
    expression.parts.push_back(operand());
    left = finish(std::move(expression));
  }
  return left;
}

}  // namespace

ExpressionPtr ExpressionParser::parse_sum() {
  return parse_binary(
      tokens_,
      [&] {
        return at_operator({"+", "-"});
      },
      [&] { return parse_joined(); }, [&] { return make(Kind::kBinary); },
      [&](Expression e) { return finish(std::move(e)); });
}

ExpressionPtr ExpressionParser::parse_joined() {
  auto first = parse_product();
  if (!tokens_.current().is("~")) return first;
  auto expression = make(Kind::kJoin);
  expression.parts.push_back(std::move(first));
  while (tokens_.skip("~")) expression.parts.push_back(parse_product());
  return finish(std::move(expression));
}

ExpressionPtr ExpressionParser::parse_product() {
  return parse_binary(
      tokens_,
      [&] {
        return at_operator({"*", "/", "//", "%"});
      },
      [&] { return parse_power(); }, [&] { return make(Kind::kBinary); },
      [&](Expression e) { return finish(std::move(e)); });
}

ExpressionPtr ExpressionParser::parse_power() {
  return parse_binary(
      tokens_, [&] { return at_operator({"**"}); }, [&] { return parse_unary(); },
      [&] { return make(Kind::kBinary); }, [&](Expression e) { return finish(std::move(e)); });
}

ExpressionPtr ExpressionParser::parse_unary(bool with_filter) {
  const Nested nested(nesting_);
  if (nesting_ > kMostNesting) tokens_.refuse("too many signs or nested brackets");
  ExpressionPtr value;
  if (at_operator({"-", "+"})) {
    auto expression = make(Kind::kSign);
    expression.name = tokens_.next().text;
    expression.parts.push_back(parse_unary(/*with_filter=*/false));
    value = finish(std::move(expression));
  } else {
    value = parse_primary();
  }
  value = parse_postfix(std::move(value));
  return with_filter ? parse_filtered(std::move(value)) : std::move(value);
}

ExpressionPtr ExpressionParser::parse_primary() {
  const Token token = tokens_.current();
  auto expression = make(Kind::kLiteral);
  switch (token.kind) {
    case TokenKind::kName:
      tokens_.next();
      return parse_name(token);
    case TokenKind::kInteger:
      expression.literal = Value(token.integer);
      break;
    case TokenKind::kFloat:
      expression.literal = Value(token.number);
      break;
    case TokenKind::kString: {
      std::string text;  // neighbours are one text
      while (tokens_.current().kind == TokenKind::kString) text += tokens_.next().text;
      expression.literal = Value(text);
      return finish(std::move(expression));
    }
    default:
      if (token.is("[")) return parse_list();
      if (token.is("{")) return parse_dict();
      if (!token.is("(")) tokens_.refuse_token("an expression");
      tokens_.next();
      if (tokens_.skip(")")) {
        expression.kind = Kind::kTuple;
        return finish(std::move(expression));
      }
      auto inside = parse_tuple();
      tokens_.expect(")");
      return inside;
  }
  tokens_.next();
  return finish(std::move(expression));
}

ExpressionPtr ExpressionParser::parse_name(const Token& token) {
  Expression expression;
  expression.line = token.line;
  const auto& name = token.text;
  if (name == "true" || name == "True" || name == "false" || name == "False") {
    expression.literal = Value(name == "true" || name == "True");
  } else if (name != "none" && name != "None") {
    expression.kind = Kind::kName;
    expression.name = name;
    if (macro) {
      macro->uses_caller = macro->uses_caller || name == "caller";
      macro->uses_varargs = macro->uses_varargs || name == "varargs";
      macro->uses_kwargs = macro->uses_kwargs || name == "kwargs";
    }
  }
  return finish(std::move(expression));
}

ExpressionPtr ExpressionParser::parse_list() {
  auto expression = make(Kind::kList);
  tokens_.expect("[");
  while (!tokens_.current().is("]")) {
    expression.parts.push_back(parse());
    if (!tokens_.skip(",")) break;
  }
  tokens_.expect("]");
  return finish(std::move(expression));
}

ExpressionPtr ExpressionParser::parse_dict() {
  auto expression = make(Kind::kDict);
  tokens_.expect("{");
  while (!tokens_.current().is("}")) {
    expression.parts.push_back(parse());
    tokens_.expect(":");
    expression.parts.push_back(parse());
    if (!tokens_.skip(",")) break;
  }
  tokens_.expect("}");
  return finish(std::move(expression));
}

ExpressionPtr ExpressionParser::parse_tuple(bool with_inline_if) {
  auto expression = make(Kind::kTuple);
  bool comma = false;
  const auto one = [&] { return with_inline_if ? parse() : parse_condition(); };
  expression.parts.push_back(one());
  while (tokens_.skip(",")) {
    comma = true;
    const Token& token = tokens_.current();
    const bool ends =
        token.is(")") || token.kind == TokenKind::kBlockEnd || token.kind == TokenKind::kOutputEnd;
    if (ends) break;
    expression.parts.push_back(one());
  }
  return comma ? finish(std::move(expression)) : std::move(expression.parts.front());
}

}  // namespace gptkit::jinja
