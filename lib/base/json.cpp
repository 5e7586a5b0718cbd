#include "base/json.h"

#include <cmath>
#include <iterator>
#include <limits>
#include <type_traits>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace gptkit {
namespace {

constexpr std::size_t kMaxDepth = 64;

/// Walks a text and tells an observer how far the parser has come: its events carry no place.
struct TrackedIterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at;
  const char** reached;

  reference operator*() const { return *at; }
  TrackedIterator& operator++() {
    *reached = ++at;
    return *this;
  }
  TrackedIterator operator++(int) {
    const auto before = *this;
    ++*this;
    return before;
  }
  bool operator==(const TrackedIterator& other) const { return at == other.at; }
};

/// The place of the last character that was read.
std::string place(std::string_view text, const char* reached) {
  const auto read = static_cast<std::size_t>(reached - text.data());
  const auto before = text.substr(0, read > 0 ? read - 1 : 0);
  std::size_t line = 1, column = 1;
  for (const char c : before) {
    column = c == '\n' ? 1 : column + 1;
    line += c == '\n';
  }
  return concat("line ", line, ", column ", column);
}

/// Builds the document from the parser's events and refuses what it should not hold.
template <class Document>
class Builder {
 public:
  Builder(std::string_view text, const std::string& where, Document& root)
      : text_(text), where_(where), root_(root), reached_(text.data()) {}

  const char** reached() { return &reached_; }

  bool null() { return put(nullptr); }
  bool boolean(bool value) { return put(value); }
  bool number_integer(typename Document::number_integer_t value) { return put(value); }
  bool number_unsigned(typename Document::number_unsigned_t value) { return put(value); }
  bool number_float(double value, const std::string&) { return put(value); }
  bool string(std::string& value) { return put(std::move(value)); }
  bool binary(typename Document::binary_t&) { return false; }

  bool start_object(std::size_t) { return open(Document::value_t::object); }
  bool start_array(std::size_t) { return open(Document::value_t::array); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    auto& object = *open_.back()->template get_ptr<typename Document::object_t*>();
    if constexpr (std::is_same_v<Document, OrderedJson>) {
      if (!keys_.back().insert(name).second) repeated(name);
      // The base class: ordered_map's own emplace looks through every key first.
      auto& members = static_cast<std::vector<typename Document::object_t::value_type>&>(object);
      member_ = &members.emplace_back(std::move(name), nullptr).second;
    } else {
      const auto [it, inserted] = object.emplace(std::move(name), nullptr);
      if (!inserted) repeated(it->first);
      member_ = &it->second;
    }
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) {
    require_real_file(text_, where_);
    check_mapped_files();  // what is gone reads as zeros
    std::string_view what = error.what();
    for (const auto* end : {"unexpected end of input", "missing closing quote"}) {
      require(what.find(end) == what.npos, where_, ": invalid JSON at ", place(text_, reached_),
              ": the text is cut off or damaged");
    }
    if (const auto end = what.find("] "); end != what.npos) what.remove_prefix(end + 2);
    if (const auto end = what.find(": "); what.starts_with("parse error") && end != what.npos) {
      what.remove_prefix(end + 2);
    }
    fail(where_, ": invalid JSON at ", place(text_, reached_), ": ", printable(what, 300));
  }

 private:
  template <class Value>
  bool put(Value&& value) {
    slot() = std::forward<Value>(value);
    return true;
  }

  Document& slot() {
    if (open_.empty()) return root_;
    if (open_.back()->is_object()) return *member_;
    auto& array = *open_.back()->template get_ptr<typename Document::array_t*>();
    return array.emplace_back(nullptr);
  }

  bool open(typename Document::value_t type) {
    if (open_.size() == kMaxDepth) {
      fail(where_, ": ", place(text_, reached_), ": nested deeper than ", kMaxDepth,
           " levels, which is refused");
    }
    Document& made = slot();
    made = Document(type);
    open_.push_back(&made);
    keys_.emplace_back();
    return true;
  }

  bool close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }

  [[noreturn]] void repeated(const std::string& name) {
    fail(where_, ": ", place(text_, reached_), ": the key '", printable(name),
         "' occurs twice in one object");
  }

  std::string_view text_;
  const std::string& where_;
  Document& root_;
  const char* reached_;
  std::vector<Document*> open_;                        // a parent never grows while a child is open
  std::vector<std::unordered_set<std::string>> keys_;  // of each open object, when order is kept
  Document* member_ = nullptr;
};

template <class Document>
Document parse(std::string_view text, const std::string& where) {
  // nlohmann-json takes a NUL for the end, and would let anything follow it.
  if (const auto nul = text.find('\0'); nul != text.npos) {
    check_mapped_files();
    fail(where, ": invalid JSON at ", place(text, text.data() + nul + 1), ": a NUL byte");
  }
  Document root;
  Builder<Document> builder(text, where, root);
  const TrackedIterator begin{text.data(), builder.reached()};
  const TrackedIterator end{text.data() + text.size(), builder.reached()};
  Document::sax_parse(begin, end, &builder);
  return root;
}

template <class Document>
std::string dump(const Document& value, int indent) {
  return value.dump(indent, ' ', /*ensure_ascii=*/false, Document::error_handler_t::replace);
}

std::string shown(const Json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return printable(dump_json(value), 60);
}

/// The member, or null when it is absent.
const Json* find(const Json& object, const std::string& key, const std::string& where) {
  require(object.is_object(), where, ": expected an object with the key '", key, "'; found ",
          shown(object));
  const auto it = object.find(key);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

const Json& need(const Json& object, const std::string& key, const std::string& where) {
  const Json* const member = find(object, key, where);
  require(member, where, ": the key '", key, "' is missing");
  return *member;
}

std::string name_of(const std::string& key, const std::string& where) {
  return where + ": '" + key + "'";
}

double to_number(const Json& value, const std::string& what) {
  require(value.is_number(), what, " is ", shown(value), "; expected a number");
  return value.get<double>();
}

std::string to_string(const Json& value, const std::string& what) {
  // require would show every value, and documents are long.
  if (!value.is_string()) fail(what, " is ", shown(value), "; expected a text");
  return value.get<std::string>();
}

}  // namespace

Json parse_json(std::string_view text, const std::string& where) {
  return parse<Json>(text, where);
}

OrderedJson parse_json_ordered(std::string_view text, const std::string& where) {
  return parse<OrderedJson>(text, where);
}

std::string dump_json(const Json& value, int indent) { return dump(value, indent); }
std::string dump_json(const OrderedJson& value, int indent) { return dump(value, indent); }

std::int64_t json_to_int(const Json& value, const std::string& what) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    require(std::in_range<std::int64_t>(number), what, " is ", number,
            "; at most 2^63-1 is accepted");
    return static_cast<std::int64_t>(number);
  }
  if (value.is_number_integer()) return value.get<std::int64_t>();
  constexpr double kExact = 9007199254740992.0;  // 2^53: beyond it a double may stand for another
  if (value.is_number_float()) {
    const double number = value.get<double>();
    if (std::trunc(number) == number && std::abs(number) <= kExact) {
      return static_cast<std::int64_t>(number);
    }
  }
  fail(what, " is ", shown(value), "; expected an integer");
}

std::int64_t json_int(const Json& object, const std::string& key, const std::string& where) {
  return json_to_int(need(object, key, where), name_of(key, where));
}

std::int64_t json_int(const Json& object, const std::string& key, const std::string& where,
                      std::int64_t fallback) {
  const Json* const member = find(object, key, where);
  return member ? json_to_int(*member, name_of(key, where)) : fallback;
}

double json_number(const Json& object, const std::string& key, const std::string& where) {
  return to_number(need(object, key, where), name_of(key, where));
}

double json_number(const Json& object, const std::string& key, const std::string& where,
                   double fallback) {
  const Json* const member = find(object, key, where);
  return member ? to_number(*member, name_of(key, where)) : fallback;
}

bool json_bool(const Json& object, const std::string& key, const std::string& where,
               bool fallback) {
  const Json* const member = find(object, key, where);
  if (!member) return fallback;
  require(member->is_boolean(), name_of(key, where), " is ", shown(*member),
          "; expected true or false");
  return member->get<bool>();
}

std::string json_string(const Json& object, const std::string& key, const std::string& where) {
  return to_string(need(object, key, where), name_of(key, where));
}

std::string json_string(const Json& object, const std::string& key, const std::string& where,
                        const std::string& fallback) {
  const Json* const member = find(object, key, where);
  return member ? to_string(*member, name_of(key, where)) : fallback;
}

}  // namespace gptkit
