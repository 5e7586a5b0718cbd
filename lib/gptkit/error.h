#pragma once
// What the library throws. Beside these only std::bad_alloc and exceptions of your own callbacks
// come out of it.

#include <stdexcept>
#include <string>
#include <utility>

#include "gptkit/namespace.h"

namespace gptkit::api {

/// A failure that the caller can act on. what() is one line: where, what was found, what was
/// expected, what to do.
class Error : public std::runtime_error {
 public:
  enum class Kind {
    kInput,    ///< a wrong setting or a wrong input file
    kRuntime,  ///< a failure while running: full disk, no memory
  };

  Error(Kind kind, const std::string& message, std::string key = {})
      : std::runtime_error(message), kind_(kind), key_(std::move(key)) {}

  Kind kind() const { return kind_; }
  /// The setting that the error is about ("train.lr", "top_k"); empty if it is about none.
  const std::string& key() const { return key_; }

 private:
  Kind kind_;
  std::string key_;
};

/// SIGINT, SIGTERM or SIGHUP ended a long job (training, generation) after it saved its state.
class Stopped : public std::runtime_error {
 public:
  Stopped(int signal, const std::string& message) : std::runtime_error(message), signal_(signal) {}
  int signal() const { return signal_; }

 private:
  int signal_;
};

}  // namespace gptkit::api
