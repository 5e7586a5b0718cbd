#include "mutate.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

namespace gptkit::fuzz {
namespace {

using Random = std::mt19937_64;

/// Below `n`; 0 for 0. std::uniform_int_distribution differs between libraries.
std::size_t below(std::size_t n, Random& random) { return n == 0 ? 0 : random() % n; }

void change_byte(std::string& text, Random& random) {
  constexpr std::array kEdges = {'\0', '\1', '\x7F', '\x80', '\xFF', '\n', '"', '0'};
  if (text.empty()) return;
  char& byte = text[below(text.size(), random)];
  byte = below(2, random) == 0 ? kEdges[below(kEdges.size(), random)] : static_cast<char>(random());
}

void flip_bit(std::string& text, Random& random) {
  if (text.empty()) return;
  char& byte = text[below(text.size(), random)];
  byte = static_cast<char>(byte ^ 1 << below(8, random));
}

/// Counts, lengths and offsets: small ones, those near the file's size and those that overflow.
void change_number(std::string& text, Random& random) {
  constexpr std::array<std::uint64_t, 12> kEdges = {0,
                                                    1,
                                                    31,
                                                    32,
                                                    0x7FFFFFFF,
                                                    0x80000000,
                                                    0xFFFFFFFF,
                                                    std::uint64_t{1} << 40,
                                                    std::uint64_t{1} << 61,
                                                    ~std::uint64_t{0} >> 1,
                                                    std::uint64_t{1} << 63,
                                                    ~std::uint64_t{0}};
  const std::size_t bytes = below(2, random) == 0 ? 4 : 8;
  if (text.size() < bytes) return;
  const std::uint64_t value = below(3, random) == 0 ? text.size() + below(64, random) - 32
                                                    : kEdges[below(kEdges.size(), random)];
  std::memcpy(text.data() + below(text.size() - bytes + 1, random), &value, bytes);
}

void cut_end(std::string& text, Random& random) { text.resize(below(text.size() + 1, random)); }

void remove_range(std::string& text, Random& random) {
  const std::size_t at = below(text.size(), random);
  text.erase(at, below(std::min<std::size_t>(text.size() - at, 32) + 1, random));
}

void repeat_range(std::string& text, Random& random) {
  const std::size_t at = below(text.size(), random);
  const std::string range = text.substr(at, below(64, random));
  for (std::size_t n = below(below(8, random) == 0 ? 40 : 3, random) + 1; n > 0; --n) {
    text.insert(at, range);
  }
}

void put_in_mark(std::string& text, Random& random) {
  constexpr std::array<std::string_view, 20> kMarks = {
      "{",    "}",           "[",     "]",       ":",
      ",",    "\"",          "\\",    "\\u0000", "\\ud800",
      "null", "1e999",       "-1e-9", "0x10",    "\n  - ",
      "\n\t", "&a [*a, *a]", "#",     "!!int ",  "9223372036854775808"};
  text.insert(below(text.size() + 1, random), kMarks[below(kMarks.size(), random)]);
}

void splice(std::string& text, const std::string& other, Random& random) {
  const std::size_t to = below(text.size(), random), from = below(other.size(), random);
  const std::size_t bytes = below(256, random);
  text.replace(to, below(2, random) == 0 ? bytes : 0, other, from, bytes);
}

}  // namespace

std::string mutate(const std::string& seed, const std::vector<std::string>& others,
                   std::mt19937_64& random) {
  std::string text = seed;
  for (std::size_t changes = below(4, random) + 1; changes > 0; --changes) {
    switch (below(16, random)) {
      case 0:
        cut_end(text, random);
        break;
      case 1:
        remove_range(text, random);
        break;
      case 2:
        repeat_range(text, random);
        break;
      case 3:
        splice(text, others[below(others.size(), random)], random);
        break;
      case 4:
      case 5:
        put_in_mark(text, random);
        break;
      case 6:
      case 7:
      case 8:
      case 9:
        change_number(text, random);
        break;
      case 10:
      case 11:
        flip_bit(text, random);
        break;
      default:
        change_byte(text, random);
    }
  }
  return text;
}

}  // namespace gptkit::fuzz
