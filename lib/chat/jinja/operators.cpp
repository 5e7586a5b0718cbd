// Arithmetic, comparisons, items and slices, as Python has them.

#include <algorithm>
#include <cmath>

#include "chat/jinja/characters.h"
#include "chat/jinja/interpreter.h"

namespace gptkit::jinja {

namespace {

constexpr std::int64_t kMostItems = 1'000'000;  // of a list that '*' makes

}  // namespace

std::shared_ptr<const Sequence> Interpreter::iterate(const Value& value) {
  if (const auto* list = value.sequence()) {
    if (list->kind == SequenceKind::kGenerator && std::exchange(list->used, true)) {
      refuse("a generator is read twice; add | list");
    }
    charge(1);
    return value.shared_sequence();
  }
  Sequence items;
  if (const auto* text = value.text()) {
    const auto starts = character_starts(text->text());
    charge(std::ssize(starts));
    for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
      items.items.emplace_back(text->slice(starts[i], starts[i + 1]));
    }
  } else if (const auto* dict = value.dict()) {
    charge(std::ssize(dict->items));
    for (const auto& [key, item] : dict->items) items.items.push_back(key);
  } else if (!value.is_undefined()) {
    refuse("a ", type_name(value), " cannot be iterated");
  }
  return std::make_shared<const Sequence>(std::move(items));
}

std::int64_t Interpreter::length(const Value& value) {
  if (value.is_undefined()) return 0;
  if (const auto* text = value.text()) {
    charge_text(text->size());
    return character_count(text->text());
  }
  if (const auto* dict = value.dict()) return std::ssize(dict->items);
  const auto* list = value.sequence();
  if (!list || list->kind == SequenceKind::kGenerator) {
    refuse("a ", type_name(value), " has no length", list ? "; add | list before it" : "");
  }
  return std::ssize(list->items);
}

bool Interpreter::same(const Value& a, const Value& b) {
  charge(1 + std::min(a.weight(), b.weight()));
  return equal(a, b);
}

bool Interpreter::contains(const Value& container, const Value& item) {
  if (const auto* text = container.text()) {
    if (!item.is_text()) refuse("a ", type_name(item), " is looked for in a str");
    charge_text(text->size());
    return text->text().find(item.text()->text()) != std::string::npos;
  }
  if (const auto* dict = container.dict()) {
    charge(dict->weight);
    return dict->find(hashable(item)) != nullptr;
  }
  const auto items = iterate(container);
  charge(items->weight);
  return std::any_of(items->items.begin(), items->items.end(),
                     [&](const Value& other) { return equal(other, item); });
}

bool Interpreter::less(const Value& a, const Value& b) {
  charge(1 + std::min(a.weight(), b.weight()));
  defined(a);
  defined(b);
  if (a.is_integer() && b.is_integer()) return a.integer() < b.integer();
  if (a.is_number() && b.is_number()) return a.number() < b.number();
  if (a.is_text() && b.is_text()) return a.text()->text() < b.text()->text();
  const auto *left = a.sequence(), *right = b.sequence();
  if (left && right && left->kind == right->kind && left->kind <= SequenceKind::kTuple) {
    const std::size_t shared = std::min(left->items.size(), right->items.size());
    for (std::size_t i = 0; i < shared; ++i) {
      if (!equal(left->items[i], right->items[i])) return less(left->items[i], right->items[i]);
    }
    return left->items.size() < right->items.size();
  }
  refuse("a ", type_name(a), " and a ", type_name(b), " have no order");
}

Value Interpreter::signed_value(const std::string& name, const Value& value) {
  if (!defined(value).is_number()) refuse("'", name, "' before a ", type_name(value));
  const bool minus = name == "-";
  if (const auto* number = value.get<double>()) return Value(minus ? -*number : *number);
  return minus ? binary("-", Value(std::int64_t{0}), value) : Value(value.integer());
}

Value Interpreter::joined(const Value& a, const Value& b) {
  if (a.is_text() && b.is_text()) {
    charge_text(a.text()->size() + b.text()->size());
    TrackedText text = *a.text();
    text.append(*b.text());
    return Value(std::move(text));
  }
  const auto *left = a.sequence(), *right = b.sequence();
  if (left && right && left->kind == right->kind && left->kind <= SequenceKind::kTuple) {
    auto items = left->items;
    charge(std::ssize(left->items) + std::ssize(right->items));
    items.insert(items.end(), right->items.begin(), right->items.end());
    return make(std::move(items), left->kind);
  }
  refuse("'+' between a ", type_name(a), " and a ", type_name(b));
}

Value Interpreter::multiply(const Value& a, const Value& b) {
  if (b.is_integer() && (a.is_text() || a.sequence())) {
    const auto count = std::max<std::int64_t>(b.integer(), 0);
    if (const auto* text = a.text()) {
      const auto size = static_cast<std::int64_t>(text->size());
      if (size > 0 && count > static_cast<std::int64_t>(most_bytes_) / size) {
        charge_text(most_bytes_ + 1);
      }
      charge_text(static_cast<std::size_t>(size * count));
      TrackedText out;
      for (std::int64_t i = 0; size > 0 && i < count; ++i) out.append(*text);
      return Value(std::move(out));
    }
    const auto& list = *a.sequence();
    if (list.kind > SequenceKind::kTuple) refuse("'*' of a ", type_name(a));
    const auto size = std::ssize(list.items);
    if (size > 0 && count > kMostItems / size) refuse("'*' builds a list with too many values");
    charge(size * count);
    std::vector<Value> items;
    for (std::int64_t i = 0; size > 0 && i < count; ++i) {
      items.insert(items.end(), list.items.begin(), list.items.end());
    }
    return make(std::move(items), list.kind);
  }
  if (a.is_integer() && !b.is_number()) return multiply(b, a);
  refuse("'*' between a ", type_name(a), " and a ", type_name(b));
}

Value Interpreter::binary(std::string_view name, const Value& a, const Value& b) {
  defined(a);
  defined(b);
  if (name == "%" && a.is_text()) return format_percent(*a.text(), b);
  if (a.is_number() && b.is_number()) return arithmetic(name, a, b);
  if (name == "+") return joined(a, b);
  if (name == "*" && (b.is_integer() || a.is_integer())) return multiply(a, b);
  refuse("'", name, "' between a ", type_name(a), " and a ", type_name(b));
}

namespace {

/// int ** int without a remainder; false when it does not fit.
bool power(std::int64_t base, std::int64_t exponent, std::int64_t& result) {
  result = 1;
  for (std::int64_t i = 0; i < exponent; ++i) {
    if (__builtin_mul_overflow(result, base, &result)) return false;
    if (result == 0 || result == 1) return base == result;
    if (base == -1) return result = exponent % 2 == 0 ? 1 : -1, true;
  }
  return true;
}

double floor_remainder(double a, double b) {
  double rest = std::fmod(a, b);
  if (rest != 0 && (rest < 0) != (b < 0)) rest += b;
  return rest == 0 ? std::copysign(0.0, b) : rest;
}

/// Rounded down, as Python divides; false when it does not fit.
bool floor_divide(std::int64_t a, std::int64_t b, std::int64_t& result) {
  if (b == -1) return !__builtin_sub_overflow(std::int64_t{0}, a, &result);
  result = a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
  return true;
}

}  // namespace

Value Interpreter::arithmetic(std::string_view name, const Value& a, const Value& b) const {
  const bool divides = name == "/" || name == "//" || name == "%";
  if (divides && b.number() == 0) refuse("division by zero");
  if (a.is_integer() && b.is_integer() && name != "/" && !(name == "**" && b.integer() < 0)) {
    const auto x = a.integer(), y = b.integer();
    std::int64_t result = 0;
    bool fits = true;
    if (name == "+") fits = !__builtin_add_overflow(x, y, &result);
    if (name == "-") fits = !__builtin_sub_overflow(x, y, &result);
    if (name == "*") fits = !__builtin_mul_overflow(x, y, &result);
    if (name == "**") fits = power(x, y, result);
    if (name == "//") fits = floor_divide(x, y, result);
    if (name == "%") result = y == -1 ? 0 : (x % y + y) % y;
    if (!fits) refuse("the result of '", name, "' has more than 64 bits");
    return Value(result);
  }
  const double x = a.number(), y = b.number();
  if (name == "+") return Value(x + y);
  if (name == "-") return Value(x - y);
  if (name == "*") return Value(x * y);
  if (name == "/") return Value(x / y);
  if (name == "%") return Value(floor_remainder(x, y));
  if (name == "//") {
    const double quotient = (x - floor_remainder(x, y)) / y;
    return Value(quotient == 0 ? std::copysign(0.0, x / y) : std::floor(quotient + 0.5));
  }
  const double result = std::pow(x, y);
  if (std::isnan(result) || std::isinf(result)) refuse("'**' has no result here");
  return Value(result);
}

Value Interpreter::format_percent(const TrackedText& format, const Value& values) {
  std::vector<Value> items = {values};
  if (const auto* list = values.sequence(); list && list->kind == SequenceKind::kTuple) {
    items = list->items;
  }
  TrackedText out;
  std::size_t used = 0, begin = 0;
  const std::string_view bytes = format.text();
  for (std::size_t at = bytes.find('%'); at != bytes.npos; at = bytes.find('%', begin)) {
    const char kind = at + 1 < bytes.size() ? bytes[at + 1] : ' ';
    out.append(format, begin, at);
    begin = at + 2;
    if (kind == '%') {
      out.append(format, at, at + 1);
      continue;
    }
    if (used >= items.size()) refuse("not enough values for the '%' of a format");
    const Value& value = items[used++];
    const bool whole = kind == 'd' && value.is_integer();
    if (kind != 's' && kind != 'r' && !whole) {
      refuse("'%", printable(std::string(1, kind)), "' of a format is not supported");
    }
    append(out, whole         ? TrackedText(std::to_string(value.integer()))
                : kind == 's' ? text_of(value)
                              : repr_of(value));
  }
  if (used < items.size() && !values.dict()) refuse("too many values for the '%' of a format");
  out.append(format, begin, bytes.size());
  return Value(std::move(out));
}

Value Interpreter::attribute(const Value& object, std::string_view name) {
  defined(object);
  if (name.starts_with("__")) refuse("the attribute '", printable(name, 60), "' is not allowed");
  if (const auto* space = object.space()) {
    if (const Value* found = space->find(name)) return *found;
  } else if (auto found = python_attribute(*this, object, name)) {
    return std::move(*found);
  } else if (const auto* dict = object.dict()) {
    charge(std::ssize(dict->items) / 8);
    if (const Value* value = dict->find(name)) return *value;
  }
  return Value::undefined(
      concat("a ", type_name(object), " has no attribute '", printable(name, 60), "'"));
}

Value Interpreter::item(const Value& object, const Value& key) {
  defined(object);
  if (const auto* dict = object.dict()) {
    charge(std::ssize(dict->items) / 8);
    if (const Value* found = dict->find(key)) return *found;
  } else if (key.is_integer()) {
    const auto* list = object.sequence();
    const auto* text = object.text();
    const auto count = text ? length(object) : list ? std::ssize(list->items) : 0;
    const auto place = key.integer() < 0 ? key.integer() + count : key.integer();
    if (place >= 0 && place < count) {
      if (list && list->is_indexed()) return list->items[static_cast<std::size_t>(place)];
      if (text) {
        const auto starts = character_starts(text->text());
        const auto i = static_cast<std::size_t>(place);
        return Value(text->slice(starts[i], starts[i + 1]));
      }
    }
    return Value::undefined(concat("a ", type_name(object), " has no item ", key.integer()));
  }
  if (const auto* name = key.text()) return attribute(object, name->text());
  return Value::undefined(concat("a ", type_name(object), " has no item of type ", type_name(key)));
}

Value Interpreter::slice(const Value& object, const Value* begin, const Value* end,
                         const Value* step) {
  defined(object);
  const auto* text = object.text();
  const auto* list = object.sequence();
  if (!text && !(list && list->is_indexed())) refuse("a slice of a ", type_name(object));
  for (const Value* bound : {begin, end, step}) {
    if (!bound->is_none() && !bound->is_integer()) {
      refuse("a slice with a ", type_name(*bound), "; expected an int");
    }
  }
  const auto count = length(object);
  const auto stride = step->is_none() ? 1 : step->integer();
  if (stride == 0) refuse("a slice with step 0");
  const auto clipped = [&](const Value& bound, std::int64_t fallback) {
    if (bound.is_none()) return fallback;
    const auto place = bound.integer() < 0 ? bound.integer() + count : bound.integer();
    return stride > 0 ? std::clamp<std::int64_t>(place, 0, count)
                      : std::clamp<std::int64_t>(place, -1, count - 1);
  };
  const auto first = clipped(*begin, stride > 0 ? 0 : count - 1);
  const auto last = clipped(*end, stride > 0 ? count : -1);
  const auto starts = text ? character_starts(text->text()) : std::vector<std::size_t>();
  charge(count / 8);
  if (text && stride == 1) {
    return first < last ? Value(text->slice(starts[static_cast<std::size_t>(first)],
                                            starts[static_cast<std::size_t>(last)]))
                        : Value("");
  }
  TrackedText part;
  Sequence items{.items = {}, .kind = list ? list->kind : SequenceKind::kList};
  for (auto i = first; stride > 0 ? i < last : i > last;) {
    const auto at = static_cast<std::size_t>(i);
    if (text) {
      part.append(*text, starts[at], starts[at + 1]);
    } else {
      items.items.push_back(list->items[at]);
    }
    if (__builtin_add_overflow(i, stride, &i)) break;
  }
  return text ? Value(std::move(part)) : make(std::move(items));
}

}  // namespace gptkit::jinja
