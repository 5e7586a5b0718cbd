#pragma once
// The syntax tree of a chat template.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/jinja/value.h"

namespace gptkit::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Expression {
  enum class Kind {
    kLiteral,
    kName,         ///< name
    kList,         ///< parts
    kTuple,        ///< parts
    kDict,         ///< parts: key, value, key, value ...
    kAttribute,    ///< parts[0] . name
    kItem,         ///< parts[0] [ parts[1] ]
    kSlice,        ///< parts[0] [ parts[1] : parts[2] : parts[3] ], each of which may be null
    kCall,         ///< parts[0] ( the other parts, named )
    kFilter,       ///< parts[0] | name ( the other parts, named ); parts[0] is null in a block
    kTest,         ///< parts[0] is name ( the other parts, named )
    kNot,          ///< not parts[0]
    kSign,         ///< name ("+" or "-") parts[0]
    kBinary,       ///< parts[0] name parts[1]
    kJoin,         ///< parts[0] ~ parts[1] ~ ...
    kAnd,          ///< parts[0] and parts[1]
    kOr,           ///< parts[0] or parts[1]
    kCompare,      ///< parts[0] operators[0] parts[1] operators[1] parts[2] ...
    kConditional,  ///< parts[0] if parts[1] else parts[2], which may be null
  };
  Kind kind = Kind::kLiteral;
  int line = 1;
  std::string name = {};
  Value literal = {};
  std::vector<ExpressionPtr> parts = {};
  std::vector<std::pair<std::string, ExpressionPtr>> named = {};
  ExpressionPtr spread = {}, spread_named = {};  ///< *list and **dict of arguments
  std::vector<std::string> operators = {};
  int depth = 1;  ///< of the tree below
};

/// The target of an assignment: a name, a namespace's attribute, or several of them.
struct Target {
  std::string name = {}, attribute = {};
  std::vector<Target> parts = {};
};

struct Statement;
using Block = std::vector<Statement>;

struct Parameter {
  std::string name;
  ExpressionPtr fallback;  ///< null: none
};

/// A macro, or the body of a {% call %}.
struct MacroSyntax {
  std::string name;
  std::vector<Parameter> parameters;
  bool uses_varargs = false, uses_kwargs = false, uses_caller = false;
};

struct Statement {
  enum class Kind {
    kText,      ///< text
    kOutput,    ///< value
    kFor,       ///< for target in value if condition: body; otherwise
    kIf,        ///< branches
    kSet,       ///< target = value
    kSetBlock,  ///< target = body through the filter `value`, which may be null
    kMacro,
    kCall,    ///< value (a call), with the macro as its caller
    kFilter,  ///< body through the filter `value`
    kWith,    ///< assignments, body
    kScope,   ///< body, in a scope of its own ({% generation %})
    kBreak,
    kContinue,
  };
  Kind kind = Kind::kText;
  int line = 1;
  std::string text = {};
  Target target = {};
  ExpressionPtr value = {}, condition = {};
  Block body = {}, otherwise = {};
  std::vector<std::pair<ExpressionPtr, Block>> branches = {};  ///< else has no condition
  std::vector<std::pair<Target, ExpressionPtr>> assignments = {};
  MacroSyntax macro = {};
};

/// Parses a template. Fails with "WHERE: line N: ..." if the text is not Jinja and, by name, on
/// tags that are not supported; filters, tests and methods are looked up where they are used.
Block parse_template(std::string_view source, const std::string& where);

}  // namespace gptkit::jinja
