#pragma once
// The one error type that people see. A message says where, what was found, what was expected and
// what to do, in one line; programs print it behind their name and leave with exit_code().

#include <sstream>
#include <stdexcept>
#include <string>

namespace gptkit {

/// A failure to report to a person, never a bug of ours (use assert for those).
class Error : public std::runtime_error {
 public:
  enum class Kind {
    kInput,    ///< wrong options, config or input file: exit code 2
    kRuntime,  ///< failed while running (disk full, out of memory ...): exit code 1
  };

  Error(Kind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}

  Kind kind() const { return kind_; }
  int exit_code() const { return kind_ == Kind::kInput ? 2 : 1; }

 private:
  Kind kind_;
};

/// Concatenates its arguments as operator<< prints them (GCC 12 has no <format>).
template <class... Parts>
std::string concat(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// Throws an input error (exit code 2).
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw Error(Error::Kind::kInput, concat(parts...));
}

/// Throws a runtime error (exit code 1).
template <class... Parts>
[[noreturn]] void fail_runtime(const Parts&... parts) {
  throw Error(Error::Kind::kRuntime, concat(parts...));
}

/// Throws an input error unless the condition holds. The parts are formatted only on failure.
template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) fail(parts...);
}

}  // namespace gptkit
