#pragma once
// A digest that tells changed training data from the same ones, kept with checkpoints.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "text/tokenizer.h"

namespace gptkit {

/// A hash of 64 bits over numbers and texts in the order they are added. Each list and text counts
/// with its length, so that no two orders of parts are alike.
class Fingerprint {
 public:
  void add(std::int64_t number) { mix(static_cast<std::uint64_t>(number)); }
  void add(double number);
  void add(std::string_view text);
  void add(std::span<const std::int64_t> numbers);
  void add(std::span<const TokenId> ids);

  std::string hex() const;  ///< 16 digits

 private:
  std::uint64_t hash_ = 14695981039346656037u;
  void mix(std::uint64_t value) {
    hash_ = (hash_ ^ value) * 1099511628211u;
    hash_ ^= hash_ >> 29;  // a product alone never carries a high bit down
  }
};

/// What checkpoints keep of training data: "OLD-NEW". OLD is the fingerprint of version 0.1, empty
/// where that one would not have told these data from others; NEW covers all that is learned from.
std::string data_fingerprint(const std::string& old_fingerprint, const Fingerprint& all);

/// Fails, with `where` before, when a checkpoint's fingerprint is not that of the data at hand.
/// Checkpoints of version 0.1 have OLD alone.
void require_same_data(const std::string& kept, const std::string& now, const std::string& where);

}  // namespace gptkit
