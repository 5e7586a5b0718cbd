#include "infer/constraint/character_set.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/utf8.h"

namespace gptkit {

namespace {

constexpr CharacterRange kSurrogates{0xD800, 0xDFFF};
constexpr char32_t kLast = 0x10FFFF;

std::vector<CharacterRange> subtract(std::span<const CharacterRange> from,
                                     std::span<const CharacterRange> what) {
  std::vector<CharacterRange> rest;
  std::size_t w = 0;
  for (auto [first, last] : from) {
    while (w < what.size() && what[w].last < first) ++w;
    for (std::size_t i = w; i < what.size() && what[i].first <= last && first <= last; ++i) {
      if (what[i].first > first) rest.push_back({first, what[i].first - 1});
      first = what[i].last + 1;
    }
    if (first <= last) rest.push_back({first, last});
  }
  return rest;
}

/// Appends the sequences of a range whose characters have UTF-8 of one length, `tail` bytes behind
/// the common beginning.
void append_sequences(CharacterRange range, std::vector<ByteSequence>& sequences) {
  for (int tail = 3; tail > 0; --tail) {
    const char32_t mask = (char32_t{1} << 6 * tail) - 1;
    if ((range.first & ~mask) == (range.last & ~mask)) continue;
    if ((range.first & mask) != 0) {  // up to the next multiple, then the rest
      append_sequences({range.first, range.first | mask}, sequences);
      return append_sequences({(range.first | mask) + 1, range.last}, sequences);
    }
    if ((range.last & mask) != mask) {
      append_sequences({range.first, (range.last & ~mask) - 1}, sequences);
      return append_sequences({range.last & ~mask, range.last}, sequences);
    }
  }
  std::string low, high;
  append_utf8(low, range.first);
  append_utf8(high, range.last);
  auto& sequence = sequences.emplace_back();
  for (std::size_t i = 0; i < low.size(); ++i) {
    sequence.push_back({static_cast<std::uint8_t>(low[i]), static_cast<std::uint8_t>(high[i])});
  }
}

}  // namespace

CharacterSet::CharacterSet(std::vector<CharacterRange> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<CharacterRange> merged;
  for (const auto& range : ranges) {
    if (!merged.empty() && range.first <= merged.back().last + 1) {
      merged.back().last = std::max(merged.back().last, range.last);
    } else {
      merged.push_back(range);
    }
  }
  ranges_ = subtract(merged, std::span(&kSurrogates, 1));
}

CharacterSet CharacterSet::all() { return CharacterSet({{0, kLast}}); }

bool CharacterSet::contains(char32_t code) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [code](const CharacterRange& range) {
    return range.first <= code && code <= range.last;
  });
}

CharacterSet CharacterSet::united(const CharacterSet& other) const {
  auto ranges = ranges_;
  ranges.insert(ranges.end(), other.ranges_.begin(), other.ranges_.end());
  return CharacterSet(std::move(ranges));
}

CharacterSet CharacterSet::without(const CharacterSet& other) const {
  CharacterSet rest;
  rest.ranges_ = subtract(ranges_, other.ranges_);
  return rest;
}

CharacterSet CharacterSet::within(const CharacterSet& other) const {
  return without(other.complement());
}

std::vector<ByteSequence> utf8_sequences(const CharacterSet& set) {
  // Where the length of UTF-8 changes.
  constexpr CharacterRange kLengths[] = {
      {0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xFFFF}, {0x10000, kLast}};
  std::vector<ByteSequence> sequences;
  for (const auto& range : set.ranges()) {
    for (const auto& length : kLengths) {
      const CharacterRange part{std::max(range.first, length.first),
                                std::min(range.last, length.last)};
      if (part.first > part.last) continue;
      if (part.last <= 0x7F) {
        sequences.push_back(
            {{static_cast<std::uint8_t>(part.first), static_cast<std::uint8_t>(part.last)}});
      } else {
        append_sequences(part, sequences);
      }
    }
  }
  return sequences;
}

}  // namespace gptkit
