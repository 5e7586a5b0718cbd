#pragma once
// A conversation as chat templates see it.

#include <string>
#include <vector>

namespace gptkit {

/// One message: its role ("system", "user", "assistant") and its text.
struct Message {
  std::string role, content;
  bool operator==(const Message&) const = default;
};

/// Oldest message first.
using Conversation = std::vector<Message>;

}  // namespace gptkit
