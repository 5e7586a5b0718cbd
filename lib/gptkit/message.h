#pragma once
// Conversations with a model.

#include <string>
#include <vector>

#include "gptkit/namespace.h"

namespace gptkit::api {

struct Message {
  std::string role;  ///< "system", "user" or "assistant"
  std::string content;
  bool operator==(const Message&) const = default;
};

/// Oldest message first.
using Conversation = std::vector<Message>;

}  // namespace gptkit::api
