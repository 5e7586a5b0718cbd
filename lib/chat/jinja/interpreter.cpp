#include "chat/jinja/interpreter.h"

#include <algorithm>

namespace gptkit::jinja {

namespace {

constexpr std::int64_t kMostSteps = 10'000'000;
constexpr std::size_t kMostBytes = std::size_t{16} << 20;
constexpr int kMostNesting = 400;   // calls, tags and operations inside each other
constexpr int kMostDepth = 64;      // lists inside each other
constexpr std::int64_t kKept = 20;  // steps for what stays in memory until the end
constexpr std::int64_t kMostWeight = 4'000'000;

using Kind = Statement::Kind;

}  // namespace

const Value* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope; scope = scope->parent.get()) {
    for (const auto& [key, value] : scope->names) {
      if (key == name) return &value;
    }
  }
  return nullptr;
}

void Scope::set(std::string_view name, Value value) {
  for (auto& [key, old] : names) {
    if (key != name) continue;
    old = std::move(value);
    return;
  }
  names.emplace_back(name, std::move(value));
}

Interpreter::Interpreter(const std::string& where, std::size_t input_bytes)
    : where_(where),
      most_steps_(kMostSteps + static_cast<std::int64_t>(input_bytes)),
      most_bytes_(kMostBytes + 8 * input_bytes) {}

Interpreter::~Interpreter() {
  for (const auto& scope : macro_scopes_) scope->names.clear();
  for (const auto& space : namespaces_) space->items.clear();
}

void Interpreter::charge(std::int64_t steps) {
  steps_ += steps;
  if (steps_ > most_steps_) {
    refuse("the template takes more than ", most_steps_, " steps; it may never end");
  }
}

void Interpreter::charge_text(std::size_t bytes) {
  if (bytes > most_bytes_) {
    refuse("the template produces more than ", most_bytes_, " bytes");
  }
  charge(1 + static_cast<std::int64_t>(bytes / 32));
}

void Interpreter::raise(const std::string& message) const {
  fail(where_, ": the chat template refuses this conversation: ", printable(message, 400));
}

Value Interpreter::make(Sequence sequence) {
  charge(1 + static_cast<std::int64_t>(sequence.items.size()));
  Value value(std::move(sequence));
  if (value.depth() > kMostDepth) refuse("more than ", kMostDepth, " nested lists");
  if (value.weight() > kMostWeight) refuse("the template builds a list with too many values");
  return value;
}

Value Interpreter::make(std::vector<Value> items, SequenceKind kind) {
  return make(Sequence{.items = std::move(items), .kind = kind});
}

Value Interpreter::make(Dict dict) {
  charge(1 + static_cast<std::int64_t>(dict.items.size()));
  Value value(std::move(dict));
  if (value.depth() > kMostDepth) refuse("more than ", kMostDepth, " nested dicts");
  if (value.weight() > kMostWeight) refuse("the template builds a dict with too many values");
  return value;
}

Value Interpreter::make_namespace(Namespace space) {
  charge(kKept);
  namespaces_.push_back(std::make_shared<Namespace>(std::move(space)));
  return Value(namespaces_.back());
}

const Value& Interpreter::hashable(const Value& value) const {
  const auto* list = value.sequence();
  if (value.dict() || (list && list->kind == SequenceKind::kList)) {
    refuse("a ", type_name(value), " cannot be a key of a dict");
  }
  if (list && list->kind == SequenceKind::kTuple) {
    for (const auto& item : list->items) hashable(item);
  }
  return value;
}

const Value& Interpreter::defined(const Value& value) const {
  if (const auto* undefined = value.get<Undefined>()) refuse(*undefined->why);
  return value;
}

/// Counts a level of recursion.
struct Interpreter::Nested {
  explicit Nested(Interpreter& owner) : interpreter(owner) {
    if (++interpreter.nesting_ > kMostNesting) {
      interpreter.refuse("more than ", kMostNesting,
                         " nested calls and tags; a macro may call itself forever");
    }
  }
  ~Nested() { --interpreter.nesting_; }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;
  Interpreter& interpreter;
};

TrackedText Interpreter::run(const Block& block,
                             std::vector<std::pair<std::string, Value>> variables) {
  const auto globals =
      std::make_shared<Scope>(Scope{.parent = nullptr, .names = global_functions()});
  const auto scope =
      std::make_shared<Scope>(Scope{.parent = globals, .names = std::move(variables)});
  TrackedText out;
  execute(block, scope, out);
  return out;
}

void Interpreter::append(TrackedText& out, const TrackedText& text) {
  charge_text(out.size() + text.size() > most_bytes_ ? out.size() + text.size() : text.size());
  out.append(text);
}

Interpreter::Flow Interpreter::execute(const Block& block, const ScopePtr& scope,
                                       TrackedText& out) {
  const Nested nested(*this);
  for (const auto& statement : block) {
    charge(1);
    line_ = statement.line;
    const Flow flow = execute(statement, scope, out);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::execute(const Statement& statement, const ScopePtr& scope,
                                       TrackedText& out) {
  const auto inner = [&] { return std::make_shared<Scope>(Scope{.parent = scope}); };
  switch (statement.kind) {
    case Kind::kText:
      append(out, TrackedText(statement.text));
      return Flow::kNext;
    case Kind::kOutput:
      append(out, text_of(evaluate(*statement.value, scope)));
      return Flow::kNext;
    case Kind::kFor:
      return execute_for(statement, scope, out);
    case Kind::kIf:
      for (const auto& [condition, body] : statement.branches) {
        if (!condition || evaluate(*condition, scope).truth()) return execute(body, scope, out);
      }
      return Flow::kNext;
    case Kind::kSet:
      assign(statement.target, evaluate(*statement.value, scope), scope);
      return Flow::kNext;
    case Kind::kSetBlock:
      assign(statement.target, Value(body_text(statement, scope)), scope);
      return Flow::kNext;
    case Kind::kMacro:
      define_macro(statement, scope);
      return Flow::kNext;
    case Kind::kCall:
      call_with_body(statement, scope, out);
      return Flow::kNext;
    case Kind::kFilter:
      append(out, body_text(statement, scope));
      return Flow::kNext;
    case Kind::kWith: {
      const auto with = inner();
      for (const auto& [target, value] : statement.assignments) {
        assign(target, evaluate(*value, scope), with);
      }
      return execute(statement.body, with, out);
    }
    case Kind::kScope:
      return execute(statement.body, inner(), out);
    case Kind::kBreak:
      return Flow::kBreak;
    case Kind::kContinue:
      return Flow::kContinue;
  }
  return Flow::kNext;
}

Interpreter::Flow Interpreter::execute_for(const Statement& statement, const ScopePtr& scope,
                                           TrackedText& out) {
  auto items = iterate(evaluate(*statement.value, scope));
  if (statement.condition) {
    Sequence kept;
    for (const auto& item : items->items) {
      const auto inner = std::make_shared<Scope>(Scope{.parent = scope});
      assign(statement.target, item, inner);
      if (evaluate(*statement.condition, inner).truth()) kept.items.push_back(item);
    }
    items = std::make_shared<const Sequence>(std::move(kept));
  }
  Flow flow = Flow::kNext;
  bool whole = false;  // an iteration came to its end; else is for loops without one
  const auto loop = std::make_shared<Loop>(Loop{.items = items});
  for (; loop->index < items->items.size() && flow != Flow::kBreak; ++loop->index) {
    charge(1);
    const auto inner = std::make_shared<Scope>(Scope{.parent = scope});
    inner->set("loop", Value(std::shared_ptr<const Loop>(loop)));
    assign(statement.target, items->items[loop->index], inner);
    flow = execute(statement.body, inner, out);
    whole = whole || flow == Flow::kNext;
  }
  if (!whole) {
    return execute(statement.otherwise, std::make_shared<Scope>(Scope{.parent = scope}), out);
  }
  return Flow::kNext;
}

void Interpreter::assign(const Target& target, const Value& value, const ScopePtr& scope) {
  if (!target.parts.empty()) {
    const auto items = iterate(defined(value));
    if (items->items.size() != target.parts.size()) {
      refuse(items->items.size(), " values for ", target.parts.size(), " names");
    }
    for (std::size_t i = 0; i < target.parts.size(); ++i) {
      assign(target.parts[i], items->items[i], scope);
    }
    return;
  }
  if (target.attribute.empty()) return scope->set(target.name, value);
  const Value* found = scope->find(target.name);
  if (!found || !found->space()) {
    refuse("'", target.name, ".", target.attribute, "' is set, but '", target.name,
           "' is not a namespace");
  }
  if (target.attribute.starts_with('_')) refuse("a namespace has no name that begins with '_'");
  charge(1 + static_cast<std::int64_t>(found->space()->items.size()));
  found->space()->set(target.attribute, value);
}

TrackedText Interpreter::body_text(const Statement& statement, const ScopePtr& scope) {
  const auto inner = std::make_shared<Scope>(Scope{.parent = scope});
  TrackedText text;
  execute(statement.body, inner, text);
  if (!statement.value) return text;
  const Value body(std::move(text));
  return text_of(evaluate_filter(*statement.value, inner, &body));
}

void Interpreter::define_macro(const Statement& statement, const ScopePtr& scope) {
  charge(kKept);
  macro_scopes_.push_back(scope);
  scope->set(
      statement.macro.name,
      Value(Callable{.name = statement.macro.name,
                     .call = [&statement, scope](Interpreter& interpreter, Arguments& given) {
                       return interpreter.run_macro(statement, scope, given);
                     }}));
}

void Interpreter::call_with_body(const Statement& statement, const ScopePtr& scope,
                                 TrackedText& out) {
  const Value caller(Callable{
      .name = "caller", .call = [&statement, scope](Interpreter& interpreter, Arguments& given) {
        return interpreter.run_macro(statement, scope, given);
      }});
  const auto& wanted = *statement.value;
  const Value function = evaluate(*wanted.parts.front(), scope);
  Arguments arguments = evaluate_arguments(wanted, scope);
  arguments.named.emplace_back("caller", caller);
  append(out, text_of(call(function, arguments)));
}

Value Interpreter::run_macro(const Statement& statement, const ScopePtr& outer,
                             Arguments& arguments) {
  const Nested nested(*this);
  const auto& macro = statement.macro;
  const auto scope = std::make_shared<Scope>(Scope{.parent = outer});
  const auto take = [&](std::string_view name) -> std::optional<Value> {
    const auto found = std::find_if(arguments.named.begin(), arguments.named.end(),
                                    [&](const auto& named) { return named.first == name; });
    if (found == arguments.named.end()) return std::nullopt;
    auto value = std::move(found->second);
    arguments.named.erase(found);
    return value;
  };
  std::size_t used = 0;
  for (const auto& parameter : macro.parameters) {
    auto named = take(parameter.name);
    if (used < arguments.positional.size()) {
      if (named) refuse("macro '", macro.name, "': '", parameter.name, "' is given twice");
      scope->set(parameter.name, arguments.positional[used++]);
    } else if (named) {
      scope->set(parameter.name, std::move(*named));
    } else if (parameter.fallback) {
      scope->set(parameter.name, evaluate(*parameter.fallback, scope));
    } else {
      scope->set(parameter.name,
                 Value::undefined(concat("parameter '", parameter.name, "' was not provided")));
    }
  }
  if (macro.uses_caller) {
    auto caller = take("caller");
    scope->set("caller", caller ? std::move(*caller) : Value::undefined("No caller defined"));
  }
  const std::vector<Value> rest(arguments.positional.begin() + static_cast<std::ptrdiff_t>(used),
                                arguments.positional.end());
  if (macro.uses_varargs) {
    scope->set("varargs", make(rest, SequenceKind::kTuple));
  } else if (!rest.empty()) {
    refuse("macro '", macro.name, "' takes at most ", macro.parameters.size(), " arguments");
  }
  if (macro.uses_kwargs) {
    Dict named;
    for (const auto& [name, value] : arguments.named) named.set(Value(name), value);
    scope->set("kwargs", make(std::move(named)));
  } else if (!arguments.named.empty()) {
    refuse("macro '", macro.name, "' takes no argument '", arguments.named.front().first, "'");
  }
  TrackedText text;
  execute(statement.body, scope, text);
  return Value(std::move(text));
}

}  // namespace gptkit::jinja
