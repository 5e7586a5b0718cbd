#include <algorithm>
#include <unordered_map>

#include "chat/jinja/builtins/filters.h"

namespace gptkit::jinja {

namespace {

using Filter = Value (*)(Interpreter&, const Value&, Arguments&);

/// "a.b.0" of a value, as `attribute=` has it.
Value attribute_of(Interpreter& in, const Value& value, const Value& path,
                   const Value* fallback = nullptr) {
  if (path.is_integer()) return in.item(value, path);
  if (!path.is_text()) in.refuse("attribute= is a ", type_name(path), "; expected a str");
  Value found = value;
  for (const auto& part : split(*path.text(), ".", -1)) {
    const auto& name = part.text();
    const bool number =
        !name.empty() && name.size() < 10 && name.find_first_not_of("0123456789") == name.npos;
    found = in.item(found, number ? Value(std::int64_t{std::stoi(name)}) : Value(part));
    if (found.is_undefined() && fallback) found = *fallback;
  }
  return found;
}

Value attribute_of(Interpreter& in, const Value& value, const Bound& bound) {
  const Value* path = bound.find("attribute");
  return path && !path->is_none() ? attribute_of(in, value, *path) : value;
}

/// How sort, unique, min and max see a value: texts in lower case.
Value sort_key(Interpreter& in, const Value& value, const Bound& bound, bool ignore_case) {
  auto key = attribute_of(in, value, bound);
  if (ignore_case && key.is_text()) return Value(lowered(*key.text()));
  return key;
}

Value length(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "length", arguments, {});
  return Value(in.length(value));
}

Value join(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "join", arguments, {"d", "attribute"});
  const TrackedText between = bound.given("d") ? in.text_of(bound.at("d")) : TrackedText();
  const auto items = in.iterate(value);
  TrackedText out;
  for (std::size_t i = 0; i < items->items.size(); ++i) {
    const auto part = in.text_of(attribute_of(in, items->items[i], bound));
    in.charge_text(out.size() > 1'000'000 ? out.size() : between.size() + part.size());
    if (i > 0) out.append(between);
    out.append(part);
  }
  return Value(std::move(out));
}

Value first(Interpreter& in, const Value& value, Arguments&) {
  const auto items = in.iterate(value);
  return items->items.empty() ? Value::undefined("first of an empty list") : items->items.front();
}

Value last(Interpreter& in, const Value& value, Arguments&) {
  const auto* list = value.sequence();
  if (list && list->kind == SequenceKind::kGenerator) in.refuse("last of a generator");
  const auto items = in.iterate(value);
  return items->items.empty() ? Value::undefined("last of an empty list") : items->items.back();
}

Value to_list(Interpreter& in, const Value& value, Arguments&) {
  return in.make(in.iterate(value)->items);
}

Value reversed(Interpreter& in, const Value& value, Arguments&) {
  const auto* list = value.sequence();
  if (list && list->kind == SequenceKind::kGenerator) in.refuse("reverse of a generator");
  auto items = in.iterate(value)->items;
  std::reverse(items.begin(), items.end());
  if (!value.is_text()) return in.make(std::move(items), SequenceKind::kGenerator);
  TrackedText out;
  for (const auto& item : items) out.append(*item.text());
  return Value(std::move(out));
}

Value items(Interpreter& in, const Value& value, Arguments&) {
  std::vector<Value> pairs;
  if (!value.is_undefined() && !value.dict()) in.refuse("items of a ", type_name(value));
  if (value.dict()) {
    for (const auto& [key, item] : value.dict()->items) {
      pairs.push_back(in.make({key, item}, SequenceKind::kTuple));
    }
  }
  return in.make(std::move(pairs), SequenceKind::kGenerator);
}

void sort_by_keys(Interpreter& in, std::vector<std::pair<Value, Value>>& keyed, bool reverse) {
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return reverse ? in.less(b.first, a.first) : in.less(a.first, b.first);
  });
}

Value dictsort(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "dictsort", arguments, {"case_sensitive", "by", "reverse"});
  if (!in.defined(value).dict()) in.refuse("dictsort of a ", type_name(value));
  const std::string by = bound.given("by") ? bound.text("by").text() : "key";
  if (by != "key" && by != "value") in.refuse("dictsort: by is 'key' or 'value'");
  const bool ignore_case = !bound.truth("case_sensitive", false);
  std::vector<std::pair<Value, Value>> keyed;
  for (const auto& [key, item] : value.dict()->items) {
    const Value& shown = by == "key" ? key : item;
    keyed.emplace_back(ignore_case && shown.is_text() ? Value(lowered(*shown.text())) : shown,
                       in.make({key, item}, SequenceKind::kTuple));
  }
  sort_by_keys(in, keyed, bound.truth("reverse", false));
  std::vector<Value> sorted;
  for (auto& [key, item] : keyed) sorted.push_back(std::move(item));
  return in.make(std::move(sorted));
}

Value sort(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const bool ignore_case = !bound.truth("case_sensitive", false);
  std::vector<std::pair<Value, Value>> keyed;
  const auto list = in.iterate(value);
  for (const auto& item : list->items) {
    keyed.emplace_back(sort_key(in, item, bound, ignore_case), item);
  }
  sort_by_keys(in, keyed, bound.truth("reverse", false));
  std::vector<Value> sorted;
  for (auto& [key, item] : keyed) sorted.push_back(std::move(item));
  return in.make(std::move(sorted));
}

Value unique(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "unique", arguments, {"case_sensitive", "attribute"});
  const bool ignore_case = !bound.truth("case_sensitive", false);
  std::vector<Value> seen, kept;
  const auto list = in.iterate(value);
  for (const auto& item : list->items) {
    const Value key = in.hashable(sort_key(in, item, bound, ignore_case));
    const bool known = std::any_of(seen.begin(), seen.end(),
                                   [&](const Value& other) { return in.same(other, key); });
    if (known) continue;
    seen.push_back(key);
    kept.push_back(item);
  }
  return in.make(std::move(kept), SequenceKind::kGenerator);
}

template <bool kMax>
Value extreme(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, kMax ? "max" : "min", arguments, {"case_sensitive", "attribute"});
  const bool ignore_case = !bound.truth("case_sensitive", false);
  const auto list = in.iterate(value);
  if (list->items.empty()) return Value::undefined("min or max of an empty list");
  Value best = list->items.front(), best_key = sort_key(in, best, bound, ignore_case);
  for (std::size_t i = 1; i < list->items.size(); ++i) {
    const Value key = sort_key(in, list->items[i], bound, ignore_case);
    if (!(kMax ? in.less(best_key, key) : in.less(key, best_key))) continue;
    best = list->items[i];
    best_key = key;
  }
  return best;
}

Value sum(Interpreter& in, const Value& value, Arguments& arguments) {
  const Bound bound(in, "sum", arguments, {"attribute", "start"});
  Value total = bound.given("start") ? bound.at("start") : Value(std::int64_t{0});
  if (total.is_text()) in.refuse("sum of texts; use join");
  const auto list = in.iterate(value);
  for (const auto& item : list->items) {
    total = in.binary("+", total, attribute_of(in, item, bound));
  }
  return total;
}

Value map(Interpreter& in, const Value& value, Arguments& arguments) {
  const auto list = in.iterate(value);
  std::vector<Value> mapped;
  if (arguments.positional.empty()) {
    const Bound bound(in, "map", arguments, {"attribute", "default"});
    for (const auto& item : list->items) {
      mapped.push_back(attribute_of(in, item, bound.at("attribute"), bound.find("default")));
    }
    return in.make(std::move(mapped), SequenceKind::kGenerator);
  }
  const Value name = arguments.positional.front();
  if (!name.is_text()) in.refuse("map takes the name of a filter or attribute=");
  for (const auto& item : list->items) {
    Arguments rest{{arguments.positional.begin() + 1, arguments.positional.end()}, arguments.named};
    mapped.push_back(in.filter(name.text()->text(), item, rest));
  }
  return in.make(std::move(mapped), SequenceKind::kGenerator);
}

/// select, reject and, with an attribute's name first, selectattr and rejectattr.
template <bool kKeep, bool kAttribute>
Value select(Interpreter& in, const Value& value, Arguments& arguments) {
  const auto list = in.iterate(value);
  std::size_t next = 0;
  const auto& given = arguments.positional;
  if (kAttribute && given.empty()) in.refuse("selectattr takes the name of an attribute");
  const Value path = kAttribute ? given[next++] : Value();
  const bool tested = next < given.size();
  const Value name = tested ? given[next++] : Value();
  if (tested && !name.is_text()) in.refuse("select takes the name of a test");
  std::vector<Value> kept;
  for (const auto& item : list->items) {
    const Value seen = kAttribute ? attribute_of(in, item, path) : item;
    Arguments rest{{given.begin() + static_cast<std::ptrdiff_t>(next), given.end()},
                   arguments.named};
    const bool fits = tested ? in.test(name.text()->text(), seen, rest) : seen.truth();
    if (fits == kKeep) kept.push_back(item);
  }
  return in.make(std::move(kept), SequenceKind::kGenerator);
}

const std::unordered_map<std::string_view, Filter>& filters() {
  static const std::unordered_map<std::string_view, Filter> all = {
      {"length", length},
      {"count", length},
      {"join", join},
      {"first", first},
      {"last", last},
      {"list", to_list},
      {"reverse", reversed},
      {"items", items},
      {"dictsort", dictsort},
      {"sort", sort},
      {"unique", unique},
      {"min", extreme<false>},
      {"max", extreme<true>},
      {"sum", sum},
      {"map", map},
      {"select", select<true, false>},
      {"reject", select<false, false>},
      {"selectattr", select<true, true>},
      {"rejectattr", select<false, true>}};
  return all;
}

}  // namespace

std::optional<Value> list_filter(Interpreter& interpreter, std::string_view name,
                                 const Value& value, Arguments& arguments) {
  const auto found = filters().find(name);
  if (found == filters().end()) return std::nullopt;
  return found->second(interpreter, value, arguments);
}

}  // namespace gptkit::jinja
