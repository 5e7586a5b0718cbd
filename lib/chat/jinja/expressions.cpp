// What the expressions of a template are worth.

#include <algorithm>

#include "chat/jinja/interpreter.h"

namespace gptkit::jinja {

using Kind = Expression::Kind;

namespace {

/// Names that jinja2 knows and that are not supported here.
bool is_unsupported_global(std::string_view name) {
  return name == "joiner" || name == "cycler" || name == "lipsum" || name == "self" ||
         name == "super";
}

}  // namespace

Value Interpreter::evaluate(const Expression& expression, const ScopePtr& scope) {
  if (expression.kind == Kind::kLiteral) return expression.literal;
  charge(1);
  line_ = expression.line;
  const auto part = [&](std::size_t i) { return evaluate(*expression.parts[i], scope); };
  switch (expression.kind) {
    case Kind::kLiteral:
      return expression.literal;
    case Kind::kName:
      return evaluate_name(expression, scope);
    case Kind::kList:
      return make(evaluate_parts(expression, scope));
    case Kind::kTuple:
      return make(evaluate_parts(expression, scope), SequenceKind::kTuple);
    case Kind::kDict:
      return evaluate_dict(expression, scope);
    case Kind::kAttribute:
      return attribute(part(0), expression.name);
    case Kind::kItem: {
      const Value object = part(0);
      return item(object, part(1));
    }
    case Kind::kSlice:
      return evaluate_slice(expression, scope);
    case Kind::kCall: {
      const Value function = part(0);
      auto arguments = evaluate_arguments(expression, scope);
      line_ = expression.line;
      return call(function, arguments);
    }
    case Kind::kFilter:
      return evaluate_filter(expression, scope, nullptr);
    case Kind::kTest: {
      const Value value = part(0);
      auto arguments = evaluate_arguments(expression, scope);
      return Value(test(expression.name, value, arguments));
    }
    case Kind::kNot:
      return Value(!part(0).truth());
    case Kind::kSign:
      return signed_value(expression.name, part(0));
    case Kind::kBinary: {
      const Value left = part(0);
      const Value right = part(1);
      line_ = expression.line;
      return binary(expression.name, left, right);
    }
    case Kind::kJoin:
      return evaluate_joined(expression, scope);
    case Kind::kAnd: {
      auto left = part(0);
      return left.truth() ? part(1) : left;
    }
    case Kind::kOr: {
      auto left = part(0);
      return left.truth() ? left : part(1);
    }
    case Kind::kCompare:
      return evaluate_compare(expression, scope);
    case Kind::kConditional:
      return evaluate_conditional(expression, scope);
  }
  return {};
}

Value Interpreter::evaluate_name(const Expression& expression, const ScopePtr& scope) const {
  if (const Value* found = scope->find(expression.name)) return *found;
  if (is_unsupported_global(expression.name)) refuse("'", expression.name, "' is not supported");
  return Value::undefined(concat("'", printable(expression.name, 60), "' is undefined"));
}

std::vector<Value> Interpreter::evaluate_parts(const Expression& expression,
                                               const ScopePtr& scope) {
  std::vector<Value> values;
  for (const auto& part : expression.parts) values.push_back(evaluate(*part, scope));
  return values;
}

Value Interpreter::evaluate_dict(const Expression& expression, const ScopePtr& scope) {
  Dict dict;
  for (std::size_t i = 0; i + 1 < expression.parts.size(); i += 2) {
    auto key = hashable(evaluate(*expression.parts[i], scope));
    charge(static_cast<std::int64_t>(dict.items.size()));
    dict.set(std::move(key), evaluate(*expression.parts[i + 1], scope));
  }
  return make(std::move(dict));
}

Value Interpreter::evaluate_joined(const Expression& expression, const ScopePtr& scope) {
  TrackedText text;
  for (const auto& part : expression.parts) append(text, text_of(evaluate(*part, scope)));
  return Value(std::move(text));
}

Value Interpreter::evaluate_slice(const Expression& expression, const ScopePtr& scope) {
  const Value object = evaluate(*expression.parts[0], scope);
  Value bounds[3];
  for (std::size_t i = 0; i < 3; ++i) {
    if (expression.parts[i + 1]) bounds[i] = evaluate(*expression.parts[i + 1], scope);
  }
  return slice(object, &bounds[0], &bounds[1], &bounds[2]);
}

Arguments Interpreter::evaluate_arguments(const Expression& expression, const ScopePtr& scope) {
  Arguments arguments;
  for (std::size_t i = 1; i < expression.parts.size(); ++i) {
    arguments.positional.push_back(evaluate(*expression.parts[i], scope));
  }
  for (const auto& [name, value] : expression.named) {
    arguments.named.emplace_back(name, evaluate(*value, scope));
  }
  if (expression.spread) {
    const auto items = iterate(defined(evaluate(*expression.spread, scope)));
    charge(std::ssize(items->items));
    arguments.positional.insert(arguments.positional.end(), items->items.begin(),
                                items->items.end());
  }
  if (expression.spread_named) {
    const Value value = evaluate(*expression.spread_named, scope);
    if (!value.dict()) refuse("** of a ", type_name(value), "; expected a dict");
    charge(std::ssize(value.dict()->items));
    for (const auto& [name, item] : value.dict()->items) {
      const bool twice =
          !name.is_text() || std::any_of(arguments.named.begin(), arguments.named.end(),
                                         [&name = name](const auto& named) {
                                           return named.first == name.text()->text();
                                         });
      if (twice) refuse("** of a dict with a key that is not a name, or a name given twice");
      arguments.named.emplace_back(name.text()->text(), item);
    }
  }
  return arguments;
}

/// `input` takes the place of the innermost value of filters in a block.
Value Interpreter::evaluate_filter(const Expression& expression, const ScopePtr& scope,
                                   const Value* input) {
  const auto& inside = expression.parts[0];
  Value value;
  if (!inside) {
    value = *input;
  } else if (input && inside->kind == Kind::kFilter) {
    value = evaluate_filter(*inside, scope, input);
  } else {
    value = evaluate(*inside, scope);
  }
  auto arguments = evaluate_arguments(expression, scope);
  line_ = expression.line;
  return filter(expression.name, value, arguments);
}

Value Interpreter::evaluate_conditional(const Expression& expression, const ScopePtr& scope) {
  if (evaluate(*expression.parts[1], scope).truth()) return evaluate(*expression.parts[0], scope);
  if (expression.parts[2]) return evaluate(*expression.parts[2], scope);
  return Value::undefined("an inline if without else was false");
}

Value Interpreter::evaluate_compare(const Expression& expression, const ScopePtr& scope) {
  Value left = evaluate(*expression.parts[0], scope);
  for (std::size_t i = 0; i < expression.operators.size(); ++i) {
    Value right = evaluate(*expression.parts[i + 1], scope);
    line_ = expression.line;
    if (!compare(expression.operators[i], left, right)) return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

bool Interpreter::compare(const std::string& name, const Value& a, const Value& b) {
  if (name == "==") return same(a, b);
  if (name == "!=") return !same(a, b);
  if (name == "in") return contains(b, a);
  if (name == "not in") return !contains(b, a);
  if (name == "<") return less(a, b);
  if (name == ">") return less(b, a);
  const bool nan =
      (a.is_number() && a.number() != a.number()) || (b.is_number() && b.number() != b.number());
  if (name == "<=") return !less(b, a) && !nan;
  return !less(a, b) && !nan;
}

Value Interpreter::call(const Value& function, Arguments& arguments) {
  const auto* callable = defined(function).callable();
  if (!callable) refuse("a ", type_name(function), " is called but is not a function");
  return callable->call(*this, arguments);
}

Bound::Bound(const Interpreter& interpreter, std::string what, const Arguments& arguments,
             std::initializer_list<std::string_view> names)
    : interpreter_(interpreter), what_(std::move(what)) {
  if (arguments.positional.size() > names.size()) {
    interpreter_.refuse(what_, " takes at most ", names.size(), " arguments");
  }
  std::size_t used = 0;
  for (const std::string_view name : names) {
    if (used < arguments.positional.size()) {
      values_.emplace_back(name, &arguments.positional[used++]);
    }
  }
  for (const auto& [name, value] : arguments.named) {
    const auto known = std::find(names.begin(), names.end(), name);
    if (known == names.end() || find(name)) {
      interpreter_.refuse(what_, ": the argument '", name, "' is not supported");
    }
    values_.emplace_back(*known, &value);
  }
}

const Value* Bound::find(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return value;
  }
  return nullptr;
}

const Value& Bound::at(std::string_view name) const {
  const Value* value = find(name);
  if (!value) interpreter_.refuse(what_, ": the argument '", name, "' is missing");
  return *value;
}

std::int64_t Bound::integer(std::string_view name, std::int64_t fallback) const {
  const Value* value = find(name);
  if (!value) return fallback;
  if (!value->is_integer()) {
    interpreter_.refuse(what_, ": '", name, "' is a ", type_name(*value), "; expected an int");
  }
  return value->integer();
}

bool Bound::truth(std::string_view name, bool fallback) const {
  const Value* value = find(name);
  return value ? value->truth() : fallback;
}

const TrackedText& Bound::text(std::string_view name) const {
  const Value& value = at(name);
  if (!value.is_text()) {
    interpreter_.refuse(what_, ": '", name, "' is a ", type_name(value), "; expected a str");
  }
  return *value.text();
}

}  // namespace gptkit::jinja
