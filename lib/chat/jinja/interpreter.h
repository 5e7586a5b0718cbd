#pragma once
// Runs a parsed chat template as jinja2's ImmutableSandboxedEnvironment does, within bounds: a
// template that loops for ever, calls itself without end or builds a huge text fails with one line.
// Statements are in interpreter.cpp, expressions in expressions.cpp.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "chat/jinja/characters.h"
#include "chat/jinja/syntax.h"
#include "chat/jinja/value.h"

namespace gptkit::jinja {

/// Names and their values; inner scopes see the outer ones.
struct Scope {
  std::shared_ptr<Scope> parent;
  std::vector<std::pair<std::string, Value>> names = {};

  const Value* find(std::string_view name) const;
  void set(std::string_view name, Value value);
};
using ScopePtr = std::shared_ptr<Scope>;

class Interpreter {
 public:
  /// `input_bytes`: how much text the variables hold; long conversations may cost more.
  Interpreter(const std::string& where, std::size_t input_bytes);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  TrackedText run(const Block& block, std::vector<std::pair<std::string, Value>> variables);

  /// Counts work that was done, of which there is a limit.
  void charge(std::int64_t steps);
  /// The same for a text of this many bytes that is about to be built.
  void charge_text(std::size_t bytes);
  /// Fails with where the template is.
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(where_, ": chat template, line ", line_, ": ", printable(concat(parts...), 600));
  }
  /// Fails with the template's own words: raise_exception().
  [[noreturn]] void raise(const std::string& message) const;

  Value make(Sequence sequence);
  Value make(std::vector<Value> items, SequenceKind kind = SequenceKind::kList);
  Value make(Dict dict);
  Value make_namespace(Namespace space);

  /// Python's str() and repr().
  TrackedText text_of(const Value& value);
  TrackedText repr_of(const Value& value);
  /// The items that a for loop iterates over.
  std::shared_ptr<const Sequence> iterate(const Value& value);
  std::int64_t length(const Value& value);
  bool contains(const Value& container, const Value& item);
  bool same(const Value& a, const Value& b);  ///< ==, charged
  /// a < b; fails when they have no order.
  bool less(const Value& a, const Value& b);
  Value binary(std::string_view name, const Value& a, const Value& b);
  Value joined(const Value& a, const Value& b);  ///< a + b
  Value attribute(const Value& object, std::string_view name);
  Value item(const Value& object, const Value& key);
  Value slice(const Value& object, const Value* begin, const Value* end, const Value* step);
  Value call(const Value& function, Arguments& arguments);
  Value filter(std::string_view name, const Value& value, Arguments& arguments);
  bool test(std::string_view name, const Value& value, Arguments& arguments);
  /// The value itself, unless it is undefined.
  const Value& defined(const Value& value) const;
  /// The value itself, unless it cannot be a key of a dict.
  const Value& hashable(const Value& value) const;

 private:
  enum class Flow { kNext, kBreak, kContinue };
  struct Nested;

  const std::string& where_;
  int line_ = 1;
  int nesting_ = 0;
  std::int64_t steps_ = 0, most_steps_;
  std::size_t most_bytes_;
  // Macros and namespaces may hold each other; this is what is emptied at the end.
  std::vector<ScopePtr> macro_scopes_;
  std::vector<std::shared_ptr<Namespace>> namespaces_;

  Flow execute(const Block& block, const ScopePtr& scope, TrackedText& out);
  Flow execute(const Statement& statement, const ScopePtr& scope, TrackedText& out);
  Flow execute_for(const Statement& statement, const ScopePtr& scope, TrackedText& out);
  void define_macro(const Statement& statement, const ScopePtr& scope);
  Value run_macro(const Statement& statement, const ScopePtr& outer, Arguments& arguments);
  void call_with_body(const Statement& statement, const ScopePtr& scope, TrackedText& out);
  TrackedText body_text(const Statement& statement, const ScopePtr& scope);
  void assign(const Target& target, const Value& value, const ScopePtr& scope);
  void append(TrackedText& out, const TrackedText& text);

  Value evaluate(const Expression& expression, const ScopePtr& scope);
  Value evaluate_name(const Expression& expression, const ScopePtr& scope) const;
  Value evaluate_compare(const Expression& expression, const ScopePtr& scope);
  Value evaluate_conditional(const Expression& expression, const ScopePtr& scope);
  Value evaluate_slice(const Expression& expression, const ScopePtr& scope);
  Value evaluate_filter(const Expression& expression, const ScopePtr& scope, const Value* input);
  Value evaluate_dict(const Expression& expression, const ScopePtr& scope);
  Value evaluate_joined(const Expression& expression, const ScopePtr& scope);
  std::vector<Value> evaluate_parts(const Expression& expression, const ScopePtr& scope);
  Arguments evaluate_arguments(const Expression& expression, const ScopePtr& scope);
  bool compare(const std::string& name, const Value& a, const Value& b);
  Value signed_value(const std::string& name, const Value& value);
  Value multiply(const Value& a, const Value& b);
  Value arithmetic(std::string_view name, const Value& a, const Value& b) const;
  Value format_percent(const TrackedText& format, const Value& values);
};

/// The arguments of a call, by place or by name.
class Bound {
 public:
  /// Fails on an argument that is none of `names`; `what` is the call for messages.
  Bound(const Interpreter& interpreter, std::string what, const Arguments& arguments,
        std::initializer_list<std::string_view> names);

  const Value* find(std::string_view name) const;  ///< null: not given
  const Value& at(std::string_view name) const;
  std::int64_t integer(std::string_view name, std::int64_t fallback) const;
  bool truth(std::string_view name, bool fallback) const;
  const TrackedText& text(std::string_view name) const;
  bool given(std::string_view name) const { return find(name) != nullptr; }

 private:
  const Interpreter& interpreter_;
  std::string what_;
  std::vector<std::pair<std::string_view, const Value*>> values_;
};

/// The functions that a template finds: range, namespace, dict, raise_exception, strftime_now.
std::vector<std::pair<std::string, Value>> global_functions();
/// A method or attribute of a value of Python's; nothing when it has none of this name.
std::optional<Value> python_attribute(Interpreter& interpreter, const Value& object,
                                      std::string_view name);
/// str.replace, bounded.
Value replace_text(Interpreter& interpreter, const TrackedText& text, const TrackedText& from,
                   const TrackedText& to, std::int64_t count);
/// in_case() of chat/jinja/characters.h, which fails on letters beyond ASCII.
Value case_text(Interpreter& interpreter, const TrackedText& text, LetterCase letter_case);
/// json.dumps, as transformers' tojson calls it.
Value to_json(Interpreter& interpreter, const Value& value, const Arguments& arguments);

}  // namespace gptkit::jinja
