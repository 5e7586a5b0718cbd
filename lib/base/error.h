#pragma once
// The one error type that people see. A message says where, what was found, what was expected and
// what to do, in one line; programs print it behind their name and leave with exit_code(). It names
// settings by their config keys; a program shows its own options instead (apps/common).

#include <cstddef>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

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

/// Concatenates its arguments as operator<< prints them (GCC 12 has no <format>).
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
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

/// Text from outside (a path, a tensor's name) made fit for a message: one line, no control
/// characters, at most about max_bytes long.
inline std::string printable(std::string_view text, std::size_t max_bytes = 160) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool starts_character = (byte & 0xC0) != 0x80;
    if (out.size() >= max_bytes && starts_character) return out + "...";
    const bool c1_control =
        byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0;
    if (byte == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7F || c1_control) {
      const auto code = c1_control ? static_cast<unsigned char>(text[++i]) : byte;
      out.append("\\x").append(1, kHex[code >> 4]).append(1, kHex[code & 15]);
    } else {
      out += text[i];
    }
  }
  return out;
}

/// A whole message without what would steer a terminal: line ends and tabs stay.
inline std::string without_controls(std::string_view message) {
  std::string text;
  for (std::size_t i = 0; i < message.size(); ++i) {
    const auto byte = static_cast<unsigned char>(message[i]);
    const bool c1_control =
        byte == 0xC2 && i + 1 < message.size() && static_cast<unsigned char>(message[i + 1]) < 0xA0;
    const bool control = (byte < 0x20 && byte != '\n' && byte != '\t') || byte == 0x7F;
    text += control || c1_control ? '?' : message[i];
    i += c1_control;
  }
  return text;
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
