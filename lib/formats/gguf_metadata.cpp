// GgufFile's metadata by key.

#include <algorithm>
#include <array>
#include <sstream>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "formats/gguf.h"
#include "formats/gguf_types.h"

namespace gptkit {
namespace {

using gguf_detail::load;
using gguf_detail::visit_type;

template <class T>
inline constexpr bool kIsInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;
template <class T>
inline constexpr bool kIsNumber = std::is_arithmetic_v<T> && !std::is_same_v<T, bool>;

std::string type_text(const GgufEntry& entry) {
  return concat(entry.is_array ? "an array of " : "", name(entry.type));
}

/// Calls visit(text) for up to `count` strings that lie behind each other.
template <class Visit>
void for_each_string(std::string_view bytes, std::uint64_t count, Visit&& visit) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto length = load<std::uint64_t>(bytes.data());
    visit(bytes.substr(sizeof length, length));
    bytes.remove_prefix(sizeof length + length);
  }
}

/// Calls visit(value) for up to `count` elements of the C++ type T.
template <class T, class Visit>
void for_each_element(const GgufEntry& entry, std::uint64_t count, Visit&& visit) {
  if constexpr (std::is_same_v<T, std::string>) {
    for_each_string(entry.bytes, count, visit);
  } else {
    for (std::uint64_t i = 0; i < count; ++i) visit(load<T>(entry.bytes.data() + i * sizeof(T)));
  }
}

/// All elements as integers; `what` opens the messages.
std::vector<std::int64_t> integers_of(const GgufEntry& entry, const std::string& what,
                                      const char* expected) {
  std::vector<std::int64_t> values;
  visit_type(entry.type, what, [&]<class T>(std::type_identity<T>) {
    if constexpr (kIsInteger<T>) {
      values.reserve(entry.count);
      for_each_element<T>(entry, entry.count, [&](T value) {
        require(std::in_range<std::int64_t>(value), what, " holds ", value,
                "; whole numbers above 2^63 - 1 are not supported");
        values.push_back(static_cast<std::int64_t>(value));
      });
    } else {
      fail(what, " is ", type_text(entry), "; expected ", expected);
    }
  });
  return values;
}

std::vector<double> numbers_of(const GgufEntry& entry, const std::string& what,
                               const char* expected) {
  std::vector<double> values;
  visit_type(entry.type, what, [&]<class T>(std::type_identity<T>) {
    if constexpr (kIsNumber<T>) {
      values.reserve(entry.count);
      for_each_element<T>(entry, entry.count,
                          [&](T value) { values.push_back(static_cast<double>(value)); });
    } else {
      fail(what, " is ", type_text(entry), "; expected ", expected);
    }
  });
  return values;
}

void require_scalar(const GgufEntry& entry, const std::string& what, const char* expected) {
  require(!entry.is_array, what, " is ", type_text(entry), "; expected ", expected);
}

void require_array(const GgufEntry& entry, const std::string& what, const char* expected) {
  require(entry.is_array, what, " is ", type_text(entry), "; expected ", expected);
}

/// The element as text for people.
template <class T>
std::string element_text(const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value ? "true" : "false";
  } else if constexpr (std::is_arithmetic_v<T>) {
    return concat(+value);  // + makes a number of a char
  } else {
    return printable(value, 60);
  }
}

}  // namespace

std::string_view name(GgufType type) {
  constexpr std::array<std::string_view, 13> kNames = {
      "uint8", "int8",   "uint16", "int16",  "uint32", "int32",  "float32",
      "bool",  "string", "array",  "uint64", "int64",  "float64"};
  const auto index = static_cast<std::size_t>(type);
  return index < kNames.size() ? kNames[index] : "no type";
}

GgufValue GgufFile::value(const GgufEntry& entry) const {
  return visit_type(entry.type, what(entry), [&]<class T>(std::type_identity<T>) -> GgufValue {
    std::vector<T> values;
    values.reserve(entry.count);
    for_each_element<T>(entry, entry.count, [&](auto value) { values.emplace_back(value); });
    if (entry.is_array) return values;
    return GgufValue(std::in_place_type<T>, values.front());
  });
}

std::string GgufFile::shown(const GgufEntry& entry) const {
  constexpr std::uint64_t kShown = 4;
  std::vector<std::string> elements;
  visit_type(entry.type, what(entry), [&]<class T>(std::type_identity<T>) {
    for_each_element<T>(entry, std::min(entry.count, kShown),
                        [&](const auto& value) { elements.push_back(element_text(value)); });
  });
  auto text = join(elements);
  if (!entry.is_array) return text;
  if (entry.count > kShown) text += concat(", ... ", entry.count, " of type ", name(entry.type));
  return concat("[", text, "]");
}

const GgufEntry* GgufFile::find(std::string_view key) const {
  const auto place = places_.find(key);
  return place == places_.end() ? nullptr : &entries_[place->second];
}

const GgufEntry& GgufFile::at(std::string_view key) const {
  const GgufEntry* entry = find(key);
  require(entry != nullptr, printable(path().string(), 400), ": has no metadata '", printable(key),
          "'");
  return *entry;
}

std::string GgufFile::what(const GgufEntry& entry) const {
  return concat(printable(path().string(), 400), ": metadata '", printable(entry.key), "'");
}

std::int64_t GgufFile::integer(std::string_view key) const {
  const GgufEntry& entry = at(key);
  require_scalar(entry, what(entry), "a whole number");
  return integers_of(entry, what(entry), "a whole number").front();
}

std::int64_t GgufFile::integer(std::string_view key, std::int64_t fallback) const {
  return has(key) ? integer(key) : fallback;
}

double GgufFile::number(std::string_view key) const {
  const GgufEntry& entry = at(key);
  require_scalar(entry, what(entry), "a number");
  return numbers_of(entry, what(entry), "a number").front();
}

double GgufFile::number(std::string_view key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

bool GgufFile::boolean(std::string_view key) const {
  const GgufEntry& entry = at(key);
  require(entry.type == GgufType::kBool && !entry.is_array, what(entry), " is ", type_text(entry),
          "; expected a bool");
  return load<bool>(entry.bytes.data());
}

bool GgufFile::boolean(std::string_view key, bool fallback) const {
  return has(key) ? boolean(key) : fallback;
}

std::string GgufFile::text(std::string_view key) const {
  const GgufEntry& entry = at(key);
  require(entry.type == GgufType::kString && !entry.is_array, what(entry), " is ", type_text(entry),
          "; expected a string");
  return std::string(entry.bytes.substr(sizeof(std::uint64_t)));
}

std::string GgufFile::text(std::string_view key, std::string_view fallback) const {
  return has(key) ? text(key) : std::string(fallback);
}

std::vector<std::string> GgufFile::texts(std::string_view key) const {
  const GgufEntry& entry = at(key);
  require(entry.type == GgufType::kString && entry.is_array, what(entry), " is ", type_text(entry),
          "; expected an array of strings");
  std::vector<std::string> values;
  values.reserve(entry.count);
  for_each_string(entry.bytes, entry.count,
                  [&](std::string_view text) { values.emplace_back(text); });
  return values;
}

std::vector<double> GgufFile::numbers(std::string_view key) const {
  const GgufEntry& entry = at(key);
  require_array(entry, what(entry), "an array of numbers");
  return numbers_of(entry, what(entry), "an array of numbers");
}

std::vector<std::int64_t> GgufFile::integers(std::string_view key) const {
  const GgufEntry& entry = at(key);
  require_array(entry, what(entry), "an array of whole numbers");
  return integers_of(entry, what(entry), "an array of whole numbers");
}

}  // namespace gptkit
