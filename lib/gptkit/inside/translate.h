#pragma once
// The library's own exceptions -> the public ones.

#include <utility>

#include "base/error.h"
#include "base/stop.h"
#include "gptkit/error.h"

namespace gptkit::api {

/// Runs the body of a public function.
template <class Body>
auto translated(Body&& body) -> decltype(body()) {
  try {
    return std::forward<Body>(body)();
  } catch (const gptkit::Stopped& stopped) {
    throw Stopped(stopped.signal(), stopped.what());
  } catch (const gptkit::Error& error) {
    const auto kind =
        error.kind() == gptkit::Error::Kind::kInput ? Error::Kind::kInput : Error::Kind::kRuntime;
    throw Error(kind, error.what(), error.key());
  }
}

}  // namespace gptkit::api
