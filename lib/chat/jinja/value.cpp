#include "chat/jinja/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "text/unicode.h"

namespace gptkit::jinja {

namespace {

/// Stops growing where no template may get.
void add_size(const Value& item, int& depth, std::int64_t& weight) {
  constexpr std::int64_t kMost = std::int64_t{1} << 40;
  depth = std::max(depth, item.depth() + 1);
  weight = std::min(weight + item.weight(), kMost);
}

}  // namespace

Value::Value(Sequence sequence) {
  for (const auto& item : sequence.items) add_size(item, sequence.depth, sequence.weight);
  variant_ = std::make_shared<const Sequence>(std::move(sequence));
}

Value::Value(Dict dict) {
  for (const auto& [key, value] : dict.items) {
    add_size(key, dict.depth, dict.weight);
    add_size(value, dict.depth, dict.weight);
  }
  variant_ = std::make_shared<const Dict>(std::move(dict));
}

Value::Value(Callable callable) : variant_(std::make_shared<const Callable>(std::move(callable))) {}

Value Value::undefined(std::string why) {
  Value value;
  value.variant_ = Undefined{std::make_shared<const std::string>(std::move(why))};
  return value;
}

std::int64_t Value::integer() const {
  if (const auto* truth = get<bool>()) return *truth ? 1 : 0;
  return std::get<std::int64_t>(variant_);
}

double Value::number() const {
  if (const auto* value = get<double>()) return *value;
  return static_cast<double>(integer());
}

bool Value::truth() const {
  if (is_undefined() || is_none()) return false;
  if (is_integer()) return integer() != 0;
  if (const auto* value = get<double>()) return *value != 0;
  if (const auto* value = text()) return value->size() > 0;
  if (const auto* list = sequence()) {
    return list->kind == SequenceKind::kGenerator || !list->items.empty();
  }
  if (const auto* map = dict()) return !map->items.empty();
  return true;
}

int Value::depth() const {
  if (const auto* list = sequence()) return list->depth;
  if (const auto* map = dict()) return map->depth;
  return 0;
}

std::int64_t Value::weight() const {
  if (const auto* list = sequence()) return list->weight;
  if (const auto* map = dict()) return map->weight;
  const auto* value = text();
  return value ? 1 + static_cast<std::int64_t>(value->size() / 64) : 1;
}

const Value* Dict::find(std::string_view key) const {
  for (const auto& [name, value] : items) {
    const auto* text = name.text();
    if (text && text->text() == key) return &value;
  }
  return nullptr;
}

const Value* Dict::find(const Value& key) const {
  for (const auto& [name, value] : items) {
    if (equal(name, key)) return &value;
  }
  return nullptr;
}

void Dict::set(Value key, Value value) {
  for (auto& [name, old] : items) {
    if (!equal(name, key)) continue;
    old = std::move(value);
    return;
  }
  items.emplace_back(std::move(key), std::move(value));
}

const Value* Namespace::find(std::string_view name) const {
  for (const auto& [key, value] : items) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Namespace::set(std::string_view name, Value value) {
  for (auto& [key, old] : items) {
    if (key != name) continue;
    old = std::move(value);
    return;
  }
  items.emplace_back(name, std::move(value));
}

std::string type_name(const Value& value) {
  if (value.is_undefined()) return "undefined";
  if (value.is_none()) return "None";
  if (value.get<bool>()) return "bool";
  if (value.is_integer()) return "int";
  if (value.get<double>()) return "float";
  if (value.is_text()) return "str";
  if (value.dict()) return "dict";
  if (value.space()) return "namespace";
  if (value.callable()) return "function";
  if (value.loop()) return "loop";
  switch (value.sequence()->kind) {
    case SequenceKind::kList:
      return "list";
    case SequenceKind::kTuple:
      return "tuple";
    case SequenceKind::kRange:
      return "range";
    case SequenceKind::kView:
      return "view of a dict";
    case SequenceKind::kGenerator:
      break;
  }
  return "generator";
}

namespace {

bool equal_items(const std::vector<Value>& a, const std::vector<Value>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), equal);
}

bool equal_dicts(const Dict& a, const Dict& b) {
  if (a.items.size() != b.items.size()) return false;
  return std::all_of(a.items.begin(), a.items.end(), [&](const auto& item) {
    const Value* other = b.find(item.first);
    return other && equal(item.second, *other);
  });
}

}  // namespace

bool equal(const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return a.integer() == b.integer();
  if (a.is_number() && b.is_number()) return a.number() == b.number();
  if (a.is_text() && b.is_text()) return a.text()->text() == b.text()->text();
  if (a.is_undefined() || a.is_none()) {
    return a.is_undefined() ? b.is_undefined() : b.is_none();
  }
  if (a.sequence() && b.sequence()) {
    const auto &left = *a.sequence(), &right = *b.sequence();
    if (&left == &right) return true;
    return left.is_indexed() && left.kind == right.kind && equal_items(left.items, right.items);
  }
  if (a.dict() && b.dict()) return equal_dicts(*a.dict(), *b.dict());
  if (a.space() || b.space()) return a.space() == b.space();
  if (a.callable() || b.callable()) return a.callable() == b.callable();
  return a.loop() && a.loop() == b.loop();
}

std::string float_text(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[40];
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const auto e = text.find('e');
  std::string digits(text.substr(0, e)), sign;
  if (digits.front() == '-') sign = "-", digits.erase(0, 1);
  int exponent = 0;
  const auto power = text.substr(text[e + 1] == '+' ? e + 2 : e + 1);
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  if (exponent < -4 || exponent >= 16) {
    const std::string magnitude = std::to_string(std::abs(exponent));
    return sign + digits + (exponent < 0 ? "e-" : "e+") + (magnitude.size() < 2 ? "0" : "") +
           magnitude;
  }
  if (digits.size() > 1) digits.erase(1, 1);  // the point
  const auto whole = static_cast<std::size_t>(std::max(exponent + 1, 0));
  if (exponent < 0)
    return sign + "0." + std::string(static_cast<std::size_t>(-exponent) - 1, '0') + digits;
  if (digits.size() <= whole) return sign + digits + std::string(whole - digits.size(), '0') + ".0";
  return sign + digits.insert(whole, ".");
}

bool is_python_space(char32_t code) {
  return char_class(code) == CharClass::kSpace || (code >= 0x1C && code < 0x20);
}

}  // namespace gptkit::jinja
