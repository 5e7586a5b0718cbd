// What stands behind a value: attributes, items, calls, filters and tests.

#include "chat/jinja/parser.h"

namespace gptkit::jinja {

using Kind = Expression::Kind;

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr value) {
  for (;;) {
    if (tokens_.current().is(".")) {
      value = parse_attribute(std::move(value));
    } else if (tokens_.current().is("[")) {
      value = parse_item(std::move(value));
    } else if (tokens_.current().is("(")) {
      auto expression = make(Kind::kCall);
      expression.parts.push_back(std::move(value));
      parse_arguments(expression);
      value = finish(std::move(expression));
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::parse_attribute(ExpressionPtr value) {
  auto expression = make(Kind::kAttribute);
  tokens_.expect(".");
  expression.parts.push_back(std::move(value));
  if (tokens_.current().kind == TokenKind::kInteger) {  // list.0
    auto index = make(Kind::kLiteral);
    index.literal = Value(tokens_.next().integer);
    expression.kind = Kind::kItem;
    expression.parts.push_back(finish(std::move(index)));
  } else {
    expression.name = tokens_.expect_name();
  }
  return finish(std::move(expression));
}

ExpressionPtr ExpressionParser::parse_item(ExpressionPtr value) {
  auto expression = make(Kind::kItem);
  tokens_.expect("[");
  expression.parts.push_back(std::move(value));
  const auto part = [&]() -> ExpressionPtr { return at_operator({":", "]"}) ? nullptr : parse(); };
  auto first = part();
  if (tokens_.current().is(":")) {
    expression.kind = Kind::kSlice;
    expression.parts.push_back(std::move(first));
    tokens_.expect(":");
    expression.parts.push_back(part());
    expression.parts.push_back(tokens_.skip(":") ? part() : nullptr);
  } else {
    if (!first) tokens_.refuse_token("an expression");
    expression.parts.push_back(std::move(first));
  }
  tokens_.expect("]");
  return finish(std::move(expression));
}

void ExpressionParser::parse_arguments(Expression& call) {
  tokens_.expect("(");
  while (!tokens_.current().is(")")) {
    if (tokens_.skip("*")) {
      if (call.spread || call.spread_named) tokens_.refuse("a second *list of arguments");
      call.spread = parse();
    } else if (tokens_.skip("**")) {
      if (call.spread_named) tokens_.refuse("a second **dict of arguments");
      call.spread_named = parse();
    } else if (tokens_.current().kind == TokenKind::kName && tokens_.following().is("=")) {
      auto name = tokens_.next().text;
      tokens_.next();
      call.named.emplace_back(std::move(name), parse());
    } else {
      if (!call.named.empty() || call.spread || call.spread_named) {
        tokens_.refuse("an argument without a name behind one with");
      }
      call.parts.push_back(parse());
    }
    if (!tokens_.skip(",")) break;
  }
  tokens_.expect(")");
}

ExpressionPtr ExpressionParser::parse_filtered(ExpressionPtr value) {
  for (;;) {
    if (tokens_.skip("|")) {
      value = parse_filter(std::move(value));
    } else if (tokens_.skip_name("is")) {
      value = parse_test(std::move(value));
    } else if (tokens_.current().is("(")) {
      auto expression = make(Kind::kCall);
      expression.parts.push_back(std::move(value));
      parse_arguments(expression);
      value = finish(std::move(expression));
    } else {
      return value;
    }
  }
}

/// Names of filters and tests may have dots; none that is known has.
std::string ExpressionParser::parse_dotted_name() {
  std::string name = tokens_.expect_name();
  while (tokens_.skip(".")) name.append(".").append(tokens_.expect_name());
  return name;
}

ExpressionPtr ExpressionParser::parse_filter(ExpressionPtr value) {
  auto expression = make(Kind::kFilter);
  expression.name = parse_dotted_name();
  expression.parts.push_back(std::move(value));
  if (tokens_.current().is("(")) parse_arguments(expression);
  return finish(std::move(expression));
}

ExpressionPtr ExpressionParser::parse_filters() {
  auto value = parse_filter(nullptr);
  while (tokens_.skip("|")) value = parse_filter(std::move(value));
  return value;
}

ExpressionPtr ExpressionParser::parse_test(ExpressionPtr value) {
  auto negation = make(Kind::kNot);
  const bool negated = tokens_.skip_name("not");
  auto expression = make(Kind::kTest);
  expression.name = parse_dotted_name();
  expression.parts.push_back(std::move(value));
  const Token& token = tokens_.current();
  const bool word = token.kind == TokenKind::kName && !token.is_name("else") &&
                    !token.is_name("or") && !token.is_name("and");
  const bool argument = word || token.kind == TokenKind::kString ||
                        token.kind == TokenKind::kInteger || token.kind == TokenKind::kFloat ||
                        at_operator({"[", "{"});
  if (token.is("(")) {
    parse_arguments(expression);
  } else if (argument) {
    if (token.is_name("is")) tokens_.refuse("two tests with 'is' behind each other");
    expression.parts.push_back(parse_postfix(parse_primary()));
  }
  auto test = finish(std::move(expression));
  if (!negated) return test;
  negation.parts.push_back(std::move(test));
  return finish(std::move(negation));
}

}  // namespace gptkit::jinja
