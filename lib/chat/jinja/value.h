#pragma once
// The values of a chat template, as Python's values are to Jinja. Lists and dictionaries never
// change once they are made (transformers renders in jinja2's ImmutableSandboxedEnvironment);
// namespaces do.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "chat/jinja/tracked_text.h"

namespace gptkit::jinja {

class Interpreter;
class Value;
struct Sequence;
struct Dict;
struct Namespace;
struct Callable;
struct Loop;

/// A name without a value. It prints as nothing and is false; all else fails with `why`.
struct Undefined {
  std::shared_ptr<const std::string> why;
};
struct None {};

struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class Value {
 public:
  using Variant = std::variant<Undefined, None, bool, std::int64_t, double,
                               std::shared_ptr<const TrackedText>, std::shared_ptr<const Sequence>,
                               std::shared_ptr<const Dict>, std::shared_ptr<Namespace>,
                               std::shared_ptr<const Callable>, std::shared_ptr<const Loop>>;

  Value() : variant_(None()) {}
  explicit Value(bool value) : variant_(value) {}
  explicit Value(std::int64_t value) : variant_(value) {}
  explicit Value(double value) : variant_(value) {}
  explicit Value(TrackedText text)
      : variant_(std::make_shared<const TrackedText>(std::move(text))) {}
  explicit Value(std::string_view text) : Value(TrackedText(text)) {}
  explicit Value(const char* text) : Value(std::string_view(text)) {}
  explicit Value(Sequence sequence);
  explicit Value(Dict dict);
  explicit Value(std::shared_ptr<Namespace> space) : variant_(std::move(space)) {}
  explicit Value(Callable callable);
  explicit Value(std::shared_ptr<const Loop> loop) : variant_(std::move(loop)) {}
  static Value undefined(std::string why);

  template <class T>
  const T* get() const {
    return std::get_if<T>(&variant_);
  }
  bool is_undefined() const { return get<Undefined>() != nullptr; }
  bool is_none() const { return get<None>() != nullptr; }
  bool is_text() const { return text() != nullptr; }
  const TrackedText* text() const { return pointed<const TrackedText>(); }
  const Sequence* sequence() const { return pointed<const Sequence>(); }
  const Dict* dict() const { return pointed<const Dict>(); }
  Namespace* space() const { return pointed<Namespace>(); }
  const Callable* callable() const { return pointed<const Callable>(); }
  const Loop* loop() const { return pointed<const Loop>(); }
  std::shared_ptr<const Sequence> shared_sequence() const {
    return std::get<std::shared_ptr<const Sequence>>(variant_);
  }
  /// int or bool, which Python counts as one.
  bool is_integer() const { return get<std::int64_t>() || get<bool>(); }
  bool is_number() const { return is_integer() || get<double>(); }
  std::int64_t integer() const;  ///< of is_integer()
  double number() const;         ///< of is_number()

  bool truth() const;
  /// How many sequences and dictionaries are inside each other.
  int depth() const;
  /// The cost of visiting everything that it contains.
  std::int64_t weight() const;

 private:
  Variant variant_;

  template <class T>
  T* pointed() const {
    const auto* pointer = std::get_if<std::shared_ptr<T>>(&variant_);
    return pointer ? pointer->get() : nullptr;
  }
};

enum class SequenceKind { kList, kTuple, kRange, kView, kGenerator };

struct Sequence {
  std::vector<Value> items;
  SequenceKind kind = SequenceKind::kList;
  int depth = 1;  ///< set by Value, as is weight
  std::int64_t weight = 1;
  mutable bool used = false;  ///< a generator that was read

  bool is_indexed() const { return kind <= SequenceKind::kRange; }
};

struct Dict {
  std::vector<std::pair<Value, Value>> items;
  int depth = 1;  ///< set by Value, as is weight
  std::int64_t weight = 1;

  const Value* find(std::string_view key) const;
  const Value* find(const Value& key) const;
  /// A later value of a key takes the place of an earlier one.
  void set(Value key, Value value);
};

/// namespace(...): the only value that `set` changes.
struct Namespace {
  std::vector<std::pair<std::string, Value>> items;

  const Value* find(std::string_view name) const;
  void set(std::string_view name, Value value);
};

struct Callable {
  std::string name;
  std::function<Value(Interpreter&, Arguments&)> call;
};

/// The state of `loop` inside a for.
struct Loop {
  std::shared_ptr<const Sequence> items;
  std::size_t index = 0;
  mutable std::vector<Value> changed = {};  ///< the arguments of the last loop.changed()
};

/// Python's name of a value's type, for messages.
std::string type_name(const Value& value);
/// Python's ==.
bool equal(const Value& a, const Value& b);
/// Python's repr() of a float: the shortest decimal that reads back the same.
std::string float_text(double value);
/// str.isspace() of one character: Unicode's white space and U+001C to U+001F.
bool is_python_space(char32_t code);

}  // namespace gptkit::jinja
