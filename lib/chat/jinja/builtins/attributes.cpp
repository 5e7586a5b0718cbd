// The methods and attributes of Python's values that templates use. Others that Python has are
// refused by name; what Python has not is undefined.

#include <algorithm>
#include <array>
#include <unordered_map>

#include "chat/jinja/characters.h"
#include "chat/jinja/interpreter.h"
#include "text/unicode.h"

namespace gptkit::jinja {

namespace {

using TextMethod = Value (*)(Interpreter&, const TrackedText&, Arguments&);

/// Text or None of an argument.
std::optional<std::string_view> text_or_none(const Bound& bound, std::string_view name) {
  const Value* value = bound.find(name);
  if (!value || value->is_none()) return std::nullopt;
  return bound.text(name).text();
}

Value texts(Interpreter& interpreter, std::vector<TrackedText> parts,
            SequenceKind kind = SequenceKind::kList) {
  std::vector<Value> items;
  for (auto& part : parts) items.emplace_back(std::move(part));
  return interpreter.make(std::move(items), kind);
}

template <bool kLeft, bool kRight>
Value strip(Interpreter& interpreter, const TrackedText& text, Arguments& arguments) {
  const Bound bound(interpreter, "strip()", arguments, {"chars"});
  return Value(stripped(text, text_or_none(bound, "chars"), kLeft, kRight));
}

template <bool kFromRight>
Value split_text(Interpreter& interpreter, const TrackedText& text, Arguments& arguments) {
  const Bound bound(interpreter, "split()", arguments, {"sep", "maxsplit"});
  const auto separator = text_or_none(bound, "sep");
  if (separator && separator->empty()) interpreter.refuse("split() at an empty text");
  const auto count = bound.integer("maxsplit", -1);
  return texts(interpreter, kFromRight ? split_from_right(text, separator, count)
                                       : split(text, separator, count));
}

Value split_lines_of(Interpreter& interpreter, const TrackedText& text, Arguments& arguments) {
  const Bound bound(interpreter, "splitlines()", arguments, {"keepends"});
  return texts(interpreter, split_lines(text, bound.truth("keepends", false)));
}

template <bool kFromRight>
Value partition(Interpreter& interpreter, const TrackedText& text, Arguments& arguments) {
  const Bound bound(interpreter, "partition()", arguments, {"sep"});
  const auto& separator = bound.text("sep").text();
  if (separator.empty()) interpreter.refuse("partition() at an empty text");
  const auto at = kFromRight ? text.text().rfind(separator) : text.text().find(separator);
  std::vector<TrackedText> parts(3);
  if (at == std::string::npos) {
    parts[kFromRight ? 2 : 0] = text;
  } else {
    const auto end = at + separator.size();
    parts = {text.slice(0, at), text.slice(at, end), text.slice(end, text.size())};
  }
  return texts(interpreter, std::move(parts), SequenceKind::kTuple);
}

/// Whether any of a text or a tuple of texts is at an end.
template <bool kStart>
Value at_end(Interpreter& interpreter, const TrackedText& text, Arguments& arguments) {
  const Bound bound(interpreter, kStart ? "startswith()" : "endswith()", arguments, {"prefix"});
  const auto fits = [&](const Value& part) {
    if (!part.is_text()) interpreter.refuse("startswith() and endswith() take a str");
    const auto& wanted = part.text()->text();
    return kStart ? text.text().starts_with(wanted) : text.text().ends_with(wanted);
  };
  const Value& wanted = bound.at("prefix");
  const auto* list = wanted.sequence();
  if (!list || list->kind != SequenceKind::kTuple) return Value(fits(wanted));
  return Value(std::any_of(list->items.begin(), list->items.end(), fits));
}

template <bool kStart>
Value remove_end(Interpreter& interpreter, const TrackedText& text, Arguments& arguments) {
  const Bound bound(interpreter, "removeprefix()", arguments, {"prefix"});
  const auto& part = bound.text("prefix").text();
  const bool there = kStart ? text.text().starts_with(part) : text.text().ends_with(part);
  const std::size_t bytes = there ? part.size() : 0;
  return Value(kStart ? text.slice(bytes, text.size()) : text.slice(0, text.size() - bytes));
}

Value replace(Interpreter& interpreter, const TrackedText& text, Arguments& arguments) {
  const Bound bound(interpreter, "replace()", arguments, {"old", "new", "count"});
  return replace_text(interpreter, text, bound.text("old"), bound.text("new"),
                      bound.integer("count", -1));
}

template <bool kFromRight, bool kRequired>
Value find(Interpreter& interpreter, const TrackedText& text, Arguments& arguments) {
  const Bound bound(interpreter, kRequired ? "index()" : "find()", arguments, {"sub"});
  const auto& part = bound.text("sub").text();
  const auto at = kFromRight ? text.text().rfind(part) : text.text().find(part);
  if (at == std::string::npos) {
    if (kRequired) interpreter.refuse("index(): the text is not there");
    return Value(std::int64_t{-1});
  }
  return Value(character_count(std::string_view(text.text()).substr(0, at)));
}

Value count(Interpreter& interpreter, const TrackedText& text, Arguments& arguments) {
  const Bound bound(interpreter, "count()", arguments, {"sub"});
  const auto& part = bound.text("sub").text();
  if (part.empty()) return Value(character_count(text.text()) + 1);
  std::int64_t found = 0;
  for (std::size_t at = 0; (at = text.text().find(part, at)) != std::string::npos;
       at += part.size()) {
    ++found;
  }
  return Value(found);
}

Value join(Interpreter& interpreter, const TrackedText& text, Arguments& arguments) {
  const Bound bound(interpreter, "join()", arguments, {"iterable"});
  const auto items = interpreter.iterate(bound.at("iterable"));
  TrackedText out;
  for (std::size_t i = 0; i < items->items.size(); ++i) {
    const auto* part = items->items[i].text();
    if (!part) interpreter.refuse("join() of a ", type_name(items->items[i]), "; expected a str");
    interpreter.charge_text(out.size() > 1'000'000 ? out.size() : part->size());
    if (i > 0) out.append(text);
    out.append(*part);
  }
  return Value(std::move(out));
}

/// str.format with {}, {0} and {name}, without conversions.
Value format(Interpreter& interpreter, const TrackedText& text, Arguments& arguments) {
  TrackedText out;
  const std::string_view bytes = text.text();
  std::size_t used = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const char c = bytes[at];
    if ((c == '{' || c == '}') && bytes.substr(at + 1).starts_with(c)) {
      out.append(text, at, at + 1);
      at += 2;
      continue;
    }
    const auto end = c == '{' ? bytes.find('}', at) : bytes.npos;
    if (c == '}' || (c == '{' && end == bytes.npos))
      interpreter.refuse("format(): a lone '", c, "'");
    if (c != '{') {
      out.append(text, at, at + 1);
      ++at;
      continue;
    }
    const auto name = bytes.substr(at + 1, end - at - 1);
    const bool number = name.find_first_not_of("0123456789") == name.npos && name.size() < 9;
    const Value* value = nullptr;
    if (number) {
      const auto place =
          name.empty() ? used++ : static_cast<std::size_t>(std::stoi(std::string(name)));
      if (place < arguments.positional.size()) value = &arguments.positional[place];
    }
    for (const auto& [key, named] : arguments.named) {
      if (!number && key == name) value = &named;
    }
    if (!value) interpreter.refuse("format(): '{", printable(name, 40), "}' is not supported");
    const auto shown = interpreter.text_of(*value);
    interpreter.charge_text(out.size() > 1'000'000 ? out.size() : shown.size());
    out.append(shown);
    at = end + 1;
  }
  return Value(std::move(out));
}

template <LetterCase kCase>
Value change_case(Interpreter& interpreter, const TrackedText& text, Arguments& arguments) {
  const Bound bound(interpreter, "upper()", arguments, {});
  return case_text(interpreter, text, kCase);
}

Value lower(Interpreter& interpreter, const TrackedText& text, Arguments& arguments) {
  const Bound bound(interpreter, "lower()", arguments, {});
  return Value(lowered(text));
}

/// Whether there are characters, all of one ASCII kind; other letters are refused.
template <class Fits>
Value all_are(Interpreter& interpreter, const TrackedText& text, const Fits& fits) {
  bool all = text.size() > 0;
  for (const char c : text.text()) {
    if ((c & 0x80) != 0) interpreter.refuse("is...() of a str with characters beyond ASCII");
    all = all && fits(c);
  }
  return Value(all);
}

Value is_digit(Interpreter& interpreter, const TrackedText& text, Arguments&) {
  return all_are(interpreter, text, [](char c) { return c >= '0' && c <= '9'; });
}
Value is_alpha(Interpreter& interpreter, const TrackedText& text, Arguments&) {
  return all_are(interpreter, text, [](char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; });
}
Value is_alnum(Interpreter& interpreter, const TrackedText& text, Arguments&) {
  return all_are(interpreter, text, [](char c) {
    return ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9');
  });
}
template <bool kUpper>
Value is_cased(Interpreter& interpreter, const TrackedText& text, Arguments&) {
  bool any = false, other = false;
  all_are(interpreter, text, [&](char c) {
    any = any || (kUpper ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z');
    other = other || (kUpper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z');
    return true;
  });
  return Value(any && !other);
}
Value is_space(Interpreter&, const TrackedText& text, Arguments&) {
  return Value(text.size() > 0 && stripped(text, std::nullopt, true, false).size() == 0);
}

const std::unordered_map<std::string_view, TextMethod>& text_methods() {
  static const std::unordered_map<std::string_view, TextMethod> methods = {
      {"strip", strip<true, true>},
      {"lstrip", strip<true, false>},
      {"rstrip", strip<false, true>},
      {"split", split_text<false>},
      {"rsplit", split_text<true>},
      {"splitlines", split_lines_of},
      {"partition", partition<false>},
      {"rpartition", partition<true>},
      {"startswith", at_end<true>},
      {"endswith", at_end<false>},
      {"removeprefix", remove_end<true>},
      {"removesuffix", remove_end<false>},
      {"replace", replace},
      {"find", find<false, false>},
      {"rfind", find<true, false>},
      {"index", find<false, true>},
      {"rindex", find<true, true>},
      {"count", count},
      {"join", join},
      {"format", format},
      {"upper", change_case<LetterCase::kUpper>},
      {"title", change_case<LetterCase::kTitle>},
      {"capitalize", change_case<LetterCase::kCapitalize>},
      {"lower", lower},
      {"isdigit", is_digit},
      {"isnumeric", is_digit},
      {"isdecimal", is_digit},
      {"isalpha", is_alpha},
      {"isalnum", is_alnum},
      {"isupper", is_cased<true>},
      {"islower", is_cased<false>},
      {"isspace", is_space}};
  return methods;
}

using Names = std::initializer_list<std::string_view>;
const Names kOtherTextMethods = {"casefold",   "center",    "encode",       "expandtabs",
                                 "format_map", "isascii",   "isidentifier", "isprintable",
                                 "istitle",    "ljust",     "maketrans",    "rjust",
                                 "swapcase",   "translate", "zfill"};
const Names kOtherDictMethods = {"copy",    "fromkeys",   "clear", "pop",
                                 "popitem", "setdefault", "update"};
const Names kOtherListMethods = {"append", "clear",  "copy",    "extend", "insert",
                                 "pop",    "remove", "reverse", "sort"};

[[noreturn]] void refuse_method(Interpreter& interpreter, const Value& object,
                                std::string_view name) {
  interpreter.refuse("the method '", name, "' of a ", type_name(object),
                     " is not supported in chat templates");
}

bool is_among(std::string_view name, const Names& names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Value method(std::string_view name, std::function<Value(Interpreter&, Arguments&)> call) {
  return Value(Callable{.name = std::string(name), .call = std::move(call)});
}

std::optional<Value> dict_attribute(Interpreter& interpreter, const Value& object,
                                    std::string_view name) {
  if (is_among(name, kOtherDictMethods)) refuse_method(interpreter, object, name);
  if (name == "get") {
    return method(name, [object](Interpreter& in, Arguments& arguments) {
      const Bound bound(in, "get()", arguments, {"key", "default"});
      in.charge(std::ssize(object.dict()->items) / 8);
      const Value* found = object.dict()->find(in.hashable(bound.at("key")));
      if (found) return *found;
      return bound.given("default") ? bound.at("default") : Value();
    });
  }
  if (name != "items" && name != "keys" && name != "values") return std::nullopt;
  return method(name, [object, what = std::string(name)](Interpreter& in, Arguments& arguments) {
    const Bound bound(in, what + "()", arguments, {});
    std::vector<Value> items;
    for (const auto& [key, value] : object.dict()->items) {
      items.push_back(what == "items"  ? in.make({key, value}, SequenceKind::kTuple)
                      : what == "keys" ? key
                                       : value);
    }
    return in.make(std::move(items), SequenceKind::kView);
  });
}

std::optional<Value> list_attribute(Interpreter& interpreter, const Value& object,
                                    std::string_view name) {
  if (is_among(name, kOtherListMethods)) refuse_method(interpreter, object, name);
  if (!object.sequence()->is_indexed() || (name != "index" && name != "count")) return std::nullopt;
  return method(name, [object, what = std::string(name)](Interpreter& in, Arguments& arguments) {
    const Bound bound(in, what + "()", arguments, {"value"});
    const auto& items = object.sequence()->items;
    std::int64_t found = 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!in.same(items[i], bound.at("value"))) continue;
      if (what == "index") return Value(static_cast<std::int64_t>(i));
      ++found;
    }
    if (what == "index") in.refuse("index(): the value is not in the list");
    return Value(found);
  });
}

std::optional<Value> loop_attribute(Interpreter& interpreter, const Value& object,
                                    std::string_view name) {
  const auto& loop = *object.loop();
  const auto count = std::ssize(loop.items->items);
  const auto index = static_cast<std::int64_t>(loop.index);
  if (name == "index") return Value(index + 1);
  if (name == "index0") return Value(index);
  if (name == "revindex") return Value(count - index);
  if (name == "revindex0") return Value(count - index - 1);
  if (name == "first") return Value(index == 0);
  if (name == "last") return Value(index + 1 == count);
  if (name == "length") return Value(count);
  if (name == "depth") return Value(std::int64_t{1});
  if (name == "depth0") return Value(std::int64_t{0});
  if (name == "previtem") {
    return index > 0 ? loop.items->items[loop.index - 1]
                     : Value::undefined("there is no previous item");
  }
  if (name == "nextitem") {
    return index + 1 < count ? loop.items->items[loop.index + 1]
                             : Value::undefined("there is no next item");
  }
  if (name == "cycle") {
    return method(name, [index](Interpreter& in, Arguments& arguments) {
      const auto& items = arguments.positional;
      if (items.empty()) in.refuse("loop.cycle() without a value");
      return items[static_cast<std::size_t>(index) % items.size()];
    });
  }
  if (name == "changed") {
    return method(name, [object](Interpreter& in, Arguments& arguments) {
      auto& last = object.loop()->changed;
      const Value now = in.make(arguments.positional, SequenceKind::kTuple);
      const bool changed = last.empty() || !in.same(last.front(), now);
      last = {now};
      return Value(changed);
    });
  }
  interpreter.refuse("loop.", printable(name, 60), " is not supported");
}

}  // namespace

std::optional<Value> python_attribute(Interpreter& interpreter, const Value& object,
                                      std::string_view name) {
  if (object.dict()) return dict_attribute(interpreter, object, name);
  if (object.sequence()) return list_attribute(interpreter, object, name);
  if (object.loop()) return loop_attribute(interpreter, object, name);
  if (object.callable()) {
    interpreter.refuse("the attribute '", printable(name, 60), "' of a function is not supported");
  }
  if (!object.is_text()) return std::nullopt;
  if (is_among(name, kOtherTextMethods)) refuse_method(interpreter, object, name);
  const auto found = text_methods().find(name);
  if (found == text_methods().end()) return std::nullopt;
  return method(name, [object, call = found->second](Interpreter& in, Arguments& arguments) {
    in.charge_text(object.text()->size());
    return call(in, *object.text(), arguments);
  });
}

}  // namespace gptkit::jinja
