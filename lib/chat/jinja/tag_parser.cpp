// The tags of a template and the text between them.

#include <algorithm>
#include <array>

#include "chat/jinja/parser.h"

namespace gptkit::jinja {

namespace {

/// How deep tags may be inside each other.
constexpr int kMostBlocks = 50;

using Kind = Statement::Kind;

class TagParser {
 public:
  TagParser(std::string_view source, const std::string& where)
      : tokens_(tokenize(source, where), where), expressions_(tokens_) {}

  Block parse() {
    auto block = parse_block({});
    if (tokens_.current().kind != TokenKind::kEnd) refuse_end();
    return block;
  }

 private:
  using Names = std::initializer_list<std::string_view>;
  static constexpr std::array<std::string_view, 11> kEnds = {
      "endfor",  "endif",     "else",    "elif",          "endset", "endmacro",
      "endcall", "endfilter", "endwith", "endgeneration", "endraw"};
  TokenReader tokens_;
  ExpressionParser expressions_;
  int blocks_ = 0, loops_ = 0;

  [[noreturn]] void refuse_end() {
    tokens_.next();
    tokens_.refuse("{% ", printable(tokens_.current().text, 40), " %} without its beginning");
  }

  Statement make(Kind kind) const {
    Statement statement;
    statement.kind = kind;
    statement.line = tokens_.current().line;
    return statement;
  }

  template <class List>
  bool at_any_tag(const List& names) const {
    return tokens_.current().kind == TokenKind::kBlockBegin &&
           std::any_of(names.begin(), names.end(),
                       [&](std::string_view name) { return tokens_.following().is_name(name); });
  }
  bool at_tag(const Names& names) const { return at_any_tag(names); }

  /// Up to one of these tags, which stays, or to the end of the template.
  Block parse_block(const Names& ends) {
    if (++blocks_ > kMostBlocks) tokens_.refuse("more than ", kMostBlocks, " nested tags");
    Block block;
    while (tokens_.current().kind != TokenKind::kEnd && !at_tag(ends)) {
      switch (tokens_.current().kind) {
        case TokenKind::kData:
          block.push_back(make(Kind::kText));
          block.back().text = tokens_.next().text;
          break;
        case TokenKind::kOutputBegin:
          tokens_.next();
          block.push_back(make(Kind::kOutput));
          block.back().value = without_safe(expressions_.parse_tuple());
          tokens_.expect(TokenKind::kOutputEnd, "}}");
          break;
        default:
          if (at_any_tag(kEnds)) {
            if (ends.size() == 0) refuse_end();
            tokens_.next();
            tokens_.refuse_token(concat("{% ", *(ends.end() - 1), " %}"));
          }
          tokens_.next();
          block.push_back(parse_tag());
      }
    }
    --blocks_;
    return block;
  }

  /// `| safe` says something about HTML, not about the text.
  static ExpressionPtr without_safe(ExpressionPtr value) {
    const bool safe = value->kind == Expression::Kind::kFilter && value->name == "safe" &&
                      value->parts.size() == 1 && value->named.empty();
    return safe ? std::move(value->parts.front()) : std::move(value);
  }

  void end_tag() { tokens_.expect(TokenKind::kBlockEnd, "%}"); }

  /// A body and the tag behind it.
  Block body_until(std::string_view name, int line) {
    auto body = parse_block({name});
    close(name, line);
    return body;
  }

  void close(std::string_view name, int line) {
    if (tokens_.current().kind == TokenKind::kEnd) {
      tokens_.refuse("the tag of line ", line, " is not closed; expected {% ", name, " %}");
    }
    tokens_.next();
    tokens_.next();
    end_tag();
  }

  Statement parse_tag() {
    const std::string name = tokens_.expect_name();
    if (name == "for") return parse_for();
    if (name == "if") return parse_if();
    if (name == "set") return parse_set();
    if (name == "macro") return parse_macro();
    if (name == "call") return parse_call();
    if (name == "filter") return parse_filter();
    if (name == "with") return parse_with();
    if (name == "generation") return parse_generation();
    if (name == "break" || name == "continue") return parse_jump(name);
    tokens_.refuse("the tag '", printable(name, 40),
                   "' is not supported; known are for, if, set, macro, call, filter, with, "
                   "generation, break, continue and raw");
  }

  Target parse_target(bool with_attribute) {
    const auto one = [&] {
      Target target{.name = tokens_.expect_name()};
      constexpr std::array kConstants = {"true", "false", "none", "True", "False", "None"};
      if (std::find(kConstants.begin(), kConstants.end(), target.name) != kConstants.end()) {
        tokens_.refuse("a value is assigned to '", target.name, "'");
      }
      if (with_attribute && tokens_.skip(".")) target.attribute = tokens_.expect_name();
      return target;
    };
    const bool brackets = tokens_.skip("(");
    Target target{.parts = {one()}};
    bool comma = false;
    while (tokens_.skip(",")) {
      comma = true;
      if (tokens_.current().kind != TokenKind::kName || tokens_.current().is_name("in")) break;
      target.parts.push_back(one());
    }
    if (brackets) tokens_.expect(")");
    return comma ? target : target.parts.front();
  }

  Statement parse_for() {
    auto statement = make(Kind::kFor);
    statement.target = parse_target(/*with_attribute=*/false);
    if (!tokens_.skip_name("in")) tokens_.refuse_token("'in'");
    statement.value = expressions_.parse_tuple(/*with_inline_if=*/false);
    if (tokens_.skip_name("if")) statement.condition = expressions_.parse();
    if (tokens_.current().is_name("recursive")) tokens_.refuse("recursive loops are not supported");
    end_tag();
    ++loops_;
    statement.body = parse_block({"else", "endfor"});
    --loops_;
    if (at_tag({"else"})) {
      tokens_.next();
      tokens_.next();
      end_tag();
      statement.otherwise = parse_block({"endfor"});
    }
    close("endfor", statement.line);
    return statement;
  }

  Statement parse_if() {
    auto statement = make(Kind::kIf);
    for (;;) {
      auto condition = expressions_.parse_tuple(/*with_inline_if=*/false);
      end_tag();
      statement.branches.emplace_back(std::move(condition), parse_block({"elif", "else", "endif"}));
      if (!at_tag({"elif"})) break;
      tokens_.next();
      tokens_.next();
    }
    if (at_tag({"else"})) {
      tokens_.next();
      tokens_.next();
      end_tag();
      statement.branches.emplace_back(nullptr, parse_block({"endif"}));
    }
    close("endif", statement.line);
    return statement;
  }

  Statement parse_set() {
    auto statement = make(Kind::kSet);
    statement.target = parse_target(/*with_attribute=*/true);
    if (tokens_.skip("=")) {
      statement.value = expressions_.parse_tuple();
      end_tag();
      return statement;
    }
    statement.kind = Kind::kSetBlock;
    if (!statement.target.parts.empty()) tokens_.refuse("a {% set %} block has one name");
    if (tokens_.skip("|")) statement.value = expressions_.parse_filters();
    end_tag();
    statement.body = body_until("endset", statement.line);
    return statement;
  }

  void parse_parameters(MacroSyntax& macro) {
    tokens_.expect("(");
    while (!tokens_.current().is(")")) {
      Parameter parameter{.name = tokens_.expect_name(), .fallback = nullptr};
      if (tokens_.skip("=")) {
        parameter.fallback = expressions_.parse();
      } else if (!macro.parameters.empty() && macro.parameters.back().fallback) {
        tokens_.refuse("parameter '", parameter.name, "' without a default behind one with");
      }
      macro.parameters.push_back(std::move(parameter));
      if (!tokens_.skip(",")) break;
    }
    tokens_.expect(")");
  }

  /// The body of a macro: no loop of the outside can be left from there.
  void parse_macro_body(Statement& statement, std::string_view end) {
    auto* const outer = std::exchange(expressions_.macro, &statement.macro);
    const int loops = std::exchange(loops_, 0);
    statement.body = body_until(end, statement.line);
    loops_ = loops;
    expressions_.macro = outer;
    // What the body of a call inside names, it names from here.
    if (outer) {
      outer->uses_caller = outer->uses_caller || statement.macro.uses_caller;
      outer->uses_varargs = outer->uses_varargs || statement.macro.uses_varargs;
      outer->uses_kwargs = outer->uses_kwargs || statement.macro.uses_kwargs;
    }
  }

  Statement parse_macro() {
    auto statement = make(Kind::kMacro);
    statement.macro.name = tokens_.expect_name();
    parse_parameters(statement.macro);
    end_tag();
    parse_macro_body(statement, "endmacro");
    return statement;
  }

  Statement parse_call() {
    auto statement = make(Kind::kCall);
    statement.macro.name = "caller";
    if (tokens_.current().is("(")) parse_parameters(statement.macro);
    statement.value = expressions_.parse();
    if (statement.value->kind != Expression::Kind::kCall) {
      tokens_.refuse("{% call %} expects the call of a macro");
    }
    end_tag();
    parse_macro_body(statement, "endcall");
    return statement;
  }

  Statement parse_filter() {
    auto statement = make(Kind::kFilter);
    statement.value = expressions_.parse_filters();
    end_tag();
    statement.body = body_until("endfilter", statement.line);
    return statement;
  }

  Statement parse_with() {
    auto statement = make(Kind::kWith);
    while (tokens_.current().kind != TokenKind::kBlockEnd) {
      if (!statement.assignments.empty()) tokens_.expect(",");
      auto target = parse_target(/*with_attribute=*/false);
      tokens_.expect("=");
      statement.assignments.emplace_back(std::move(target), expressions_.parse());
    }
    end_tag();
    statement.body = body_until("endwith", statement.line);
    return statement;
  }

  Statement parse_generation() {
    auto statement = make(Kind::kScope);
    end_tag();
    const int loops = std::exchange(loops_, 0);
    statement.body = body_until("endgeneration", statement.line);
    loops_ = loops;
    return statement;
  }

  Statement parse_jump(const std::string& name) {
    auto statement = make(name == "break" ? Kind::kBreak : Kind::kContinue);
    if (loops_ == 0) tokens_.refuse("'", name, "' outside of a loop");
    end_tag();
    return statement;
  }
};

}  // namespace

Block parse_template(std::string_view source, const std::string& where) {
  return TagParser(source, where).parse();
}

}  // namespace gptkit::jinja
