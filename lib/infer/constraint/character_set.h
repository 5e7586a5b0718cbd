#pragma once
// A set of Unicode characters as sorted ranges, and the same as ranges of UTF-8 bytes.

#include <compare>
#include <cstdint>
#include <span>
#include <vector>

namespace gptkit {

struct CharacterRange {
  char32_t first, last;
  auto operator<=>(const CharacterRange&) const = default;
};

/// Invariant: the ranges are sorted, do not touch each other, and hold no surrogates, so every
/// member can be written as UTF-8.
class CharacterSet {
 public:
  CharacterSet() = default;
  explicit CharacterSet(std::vector<CharacterRange> ranges);

  /// Every character there is.
  static CharacterSet all();

  std::span<const CharacterRange> ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }
  bool contains(char32_t code) const;

  CharacterSet united(const CharacterSet& other) const;
  CharacterSet without(const CharacterSet& other) const;
  CharacterSet within(const CharacterSet& other) const;
  CharacterSet complement() const { return all().without(*this); }

  bool operator==(const CharacterSet&) const = default;

 private:
  std::vector<CharacterRange> ranges_;
};

struct Utf8Range {
  std::uint8_t first, last;
  auto operator<=>(const Utf8Range&) const = default;
};

/// Characters whose UTF-8 is any byte of bytes[0], then any byte of bytes[1], ...
using ByteSequence = std::vector<Utf8Range>;

/// The set as byte sequences in ascending order. At each place, two sequences of the same
/// beginning have the same range or two that do not overlap.
std::vector<ByteSequence> utf8_sequences(const CharacterSet& set);

}  // namespace gptkit
