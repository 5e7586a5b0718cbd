#pragma once
// The one error type that people see. A message says where, what was found, what was expected and
// what to do, in one line; programs print it behind their name and leave with exit_code(). It names
// settings by their config keys; a program shows its own options instead (apps/common).

#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/strings.h"

namespace gptkit {

/// A failure to report to a person, never a bug of ours (use assert for those).
class Error : public std::runtime_error {
 public:
  enum class Kind {
    kInput,    ///< wrong options, config or input file: exit code 2
    kRuntime,  ///< failed while running (disk full, out of memory ...): exit code 1
  };

  Error(Kind kind, const std::string& message, std::string key = {})
      : std::runtime_error(message), kind_(kind), key_(std::move(key)) {}

  Kind kind() const { return kind_; }
  int exit_code() const { return kind_ == Kind::kInput ? 2 : 1; }
  /// The config key that the error is about ("train.lr", "top_k"); empty when it is about none.
  const std::string& key() const { return key_; }

 private:
  Kind kind_;
  std::string key_;
};

/// A config key as part of a message: `top_k`, or with a value `data.train=FILE`. The first one of
/// a message becomes the error's key().
///   require(k >= 0, Key{"top_k"}, ": ", k, " is out of range; expected 0 or more");
struct Key {
  std::string_view name;
  std::string_view value = {};
};

inline std::ostream& operator<<(std::ostream& out, const Key& key) {
  out << '`' << key.name;
  if (!key.value.empty()) out << '=' << key.value;
  return out << '`';
}

/// The first Key among the parts of a message; empty without one.
template <class... Parts>
std::string first_key(const Parts&... parts) {
  std::string_view key;
  const auto look = [&key](const auto& part) {
    if constexpr (std::is_same_v<std::decay_t<decltype(part)>, Key>) {
      if (key.empty()) key = part.name;
    }
  };
  (look(parts), ...);
  return std::string(key);
}

/// Throws an input error (exit code 2).
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(Error::Kind::kInput, concat(parts...), first_key(parts...));
}

/// Throws a runtime error (exit code 1).
template <class... Parts>
[[noreturn]] void fail_runtime(const Parts&... parts) {
  throw Error(Error::Kind::kRuntime, concat(parts...), first_key(parts...));
}

/// Throws an input error unless the condition holds. The parts are formatted only on failure.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) fail(parts...);
}

}  // namespace gptkit
