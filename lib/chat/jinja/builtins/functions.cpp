// The functions that a template finds: those of jinja2 and of transformers.

#include <algorithm>
#include <ctime>

#include "chat/jinja/interpreter.h"

namespace gptkit::jinja {

namespace {

constexpr std::int64_t kMostRange = 100'000;  // jinja2's own limit

Value raise_exception(Interpreter& interpreter, Arguments& arguments) {
  const Bound bound(interpreter, "raise_exception()", arguments, {"message"});
  interpreter.raise(interpreter.text_of(bound.at("message")).text());
}

/// Today's date and the time, by the C library's formats.
Value strftime_now(Interpreter& interpreter, Arguments& arguments) {
  const Bound bound(interpreter, "strftime_now()", arguments, {"format"});
  const auto& format = bound.text("format").text();
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char buffer[1024];
  const auto bytes = std::strftime(buffer, sizeof(buffer), format.c_str(), &local);
  if (bytes == 0 && !format.empty()) interpreter.refuse("strftime_now(): the format is too long");
  return Value(std::string_view(buffer, bytes));
}

Value range(Interpreter& interpreter, Arguments& arguments) {
  const Bound bound(interpreter, "range()", arguments, {"start", "stop", "step"});
  const bool one = !bound.given("stop");
  const auto first = bound.integer("start", 0);
  const auto begin = one ? 0 : first, end = one ? first : bound.integer("stop", 0);
  const auto step = bound.integer("step", 1);
  if (arguments.positional.empty()) interpreter.refuse("range() without an end");
  if (step == 0) interpreter.refuse("range() with step 0");
  std::vector<Value> items;
  for (auto i = begin; step > 0 ? i < end : i > end;) {
    if (std::ssize(items) >= kMostRange) {
      interpreter.refuse("range() of more than ", kMostRange, " numbers");
    }
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  return interpreter.make(std::move(items), SequenceKind::kRange);
}

/// The entries of dict() and namespace(): those of a dict, then the named ones.
std::vector<std::pair<Value, Value>> entries(Interpreter& interpreter, Arguments& arguments) {
  Dict dict;
  if (arguments.positional.size() > 1) interpreter.refuse("dict() takes one value");
  if (!arguments.positional.empty()) {
    const Value& from = interpreter.defined(arguments.positional.front());
    if (from.dict()) {
      dict.items = from.dict()->items;
    } else {
      for (const auto& pair : interpreter.iterate(from)->items) {
        const auto items = interpreter.iterate(pair);
        if (items->items.size() != 2) interpreter.refuse("dict() of a list without pairs");
        interpreter.charge(std::ssize(dict.items));
        dict.set(items->items[0], items->items[1]);
      }
    }
  }
  for (const auto& [name, value] : arguments.named) dict.set(Value(name), value);
  return std::move(dict.items);
}

Value make_dict(Interpreter& interpreter, Arguments& arguments) {
  Dict dict;
  dict.items = entries(interpreter, arguments);
  return interpreter.make(std::move(dict));
}

Value make_namespace(Interpreter& interpreter, Arguments& arguments) {
  Namespace space;
  for (const auto& [name, value] : entries(interpreter, arguments)) {
    if (!name.is_text() || name.text()->text().starts_with('_')) {
      interpreter.refuse("a namespace's names are texts that do not begin with '_'");
    }
    space.set(name.text()->text(), value);
  }
  return interpreter.make_namespace(std::move(space));
}

}  // namespace

std::vector<std::pair<std::string, Value>> global_functions() {
  const auto function = [](const char* name, Value (*call)(Interpreter&, Arguments&)) {
    return std::pair<std::string, Value>(name, Value(Callable{.name = name, .call = call}));
  };
  return {function("raise_exception", raise_exception), function("strftime_now", strftime_now),
          function("range", range), function("dict", make_dict),
          function("namespace", make_namespace)};
}

}  // namespace gptkit::jinja
