#include "text/normalization.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <unordered_map>
#include <vector>

#include "text/unicode.h"

namespace gptkit {

namespace {

struct Decomposition {
  char32_t code, first, second;
};
struct ClassRange {
  char32_t first, last;
  std::uint8_t combining_class;
};
struct CompatibleRun {
  char32_t first, count, stands_for;
};

#include "text/compatibility_table.inc"
#include "text/normalization_table.inc"

/// A byte that belongs to no character travels as a code above all characters.
constexpr char32_t kStrayByte = 0x110000;

// Hangul syllables are computed: leading consonant, vowel, trailing consonant.
constexpr char32_t kSyllables = 0xAC00, kLeading = 0x1100, kVowels = 0x1161, kTrailing = 0x11A7;
constexpr char32_t kLeadingCount = 19, kVowelCount = 21, kTrailingCount = 28;
constexpr char32_t kPerLeading = kVowelCount * kTrailingCount;
constexpr char32_t kSyllableCount = kLeadingCount * kPerLeading;

struct Tables {
  std::unordered_map<char32_t, Decomposition> canonical;
  std::unordered_map<std::uint64_t, char32_t> composed;
  std::unordered_map<char32_t, std::u32string_view> compatible;

  Tables() {
    for (const auto& entry : kComposed) {
      canonical.emplace(entry.code, entry);
      composed.emplace(pair_of(entry.first, entry.second), entry.code);
    }
    for (const auto& entry : kDecomposed) canonical.emplace(entry.code, entry);
    for (const auto& text : kCompatibleTexts) compatible.emplace(text[0], text.substr(1));
  }
  static std::uint64_t pair_of(char32_t first, char32_t second) {
    return std::uint64_t{first} << 32 | second;
  }
};

const Tables& tables() {
  static const Tables kTables;
  return kTables;
}

int combining_class(char32_t code) {
  const auto range = std::ranges::lower_bound(kClasses, code, {}, &ClassRange::last);
  return range != std::end(kClasses) && code >= range->first ? range->combining_class : 0;
}

void decompose(char32_t code, bool compatible, std::u32string& text) {
  if (code < 0xA0) {
    text += code;
  } else if (code - kSyllables < kSyllableCount) {
    const char32_t index = code - kSyllables;
    text += kLeading + index / kPerLeading;
    text += kVowels + index % kPerLeading / kTrailingCount;
    if (index % kTrailingCount != 0) text += kTrailing + index % kTrailingCount;
  } else if (const auto halves = tables().canonical.find(code);
             halves != tables().canonical.end()) {
    decompose(halves->second.first, compatible, text);
    if (halves->second.second != 0) decompose(halves->second.second, compatible, text);
  } else if (!compatible) {
    text += code;
  } else if (const auto other = tables().compatible.find(code);
             other != tables().compatible.end()) {
    text += other->second;
  } else {
    const auto run = std::ranges::upper_bound(kCompatibleRuns, code, {}, &CompatibleRun::first);
    const auto* before = run == std::begin(kCompatibleRuns) ? nullptr : run - 1;
    const bool inside = before && code - before->first < before->count;
    text += inside ? before->stands_for + (code - before->first) : code;
  }
}

/// Marks behind a character stand in the order of their classes.
void put_in_order(std::u32string& text) {
  const auto is_mark = [](char32_t code) { return code >= 0x300 && combining_class(code) != 0; };
  for (auto begin = text.begin(); begin != text.end();) {
    begin = std::find_if(begin, text.end(), is_mark);
    const auto end = std::find_if_not(begin, text.end(), is_mark);
    if (end - begin > 1) {
      std::stable_sort(begin, end, [](char32_t a, char32_t b) {
        return combining_class(a) < combining_class(b);
      });
    }
    begin = end;
  }
}

/// What two characters become, or 0.
char32_t composition(char32_t first, char32_t second) {
  if (first - kLeading < kLeadingCount && second - kVowels < kVowelCount) {
    return kSyllables + (first - kLeading) * kPerLeading + (second - kVowels) * kTrailingCount;
  }
  const char32_t index = first - kSyllables;
  if (index < kSyllableCount && index % kTrailingCount == 0 && second > kTrailing &&
      second < kTrailing + kTrailingCount) {
    return first + (second - kTrailing);
  }
  const auto found = tables().composed.find(Tables::pair_of(first, second));
  return found == tables().composed.end() ? 0 : found->second;
}

/// Puts decomposed text together: a mark joins the last character of class 0 unless one of its own
/// class or a later one stands between them.
void compose(std::u32string& text) {
  constexpr std::size_t kNone = ~std::size_t{0};
  std::size_t starter = kNone, written = 0;
  int last_class = 0;
  for (const char32_t code : text) {
    const int own_class = combining_class(code);
    const bool adjacent = starter != kNone && starter + 1 == written;
    if (starter != kNone && (adjacent || (last_class != 0 && last_class < own_class))) {
      if (const char32_t made = composition(text[starter], code)) {
        text[starter] = made;
        continue;
      }
    }
    if (own_class == 0) starter = written;
    last_class = own_class;
    text[written++] = code;
  }
  text.resize(written);
}

void append_normal(std::string_view text, NormalForm form, std::string& result) {
  const bool compatible = form == NormalForm::kNfkc || form == NormalForm::kNfkd;
  std::u32string codes;
  codes.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    const auto byte = static_cast<unsigned char>(text[at]);
    if (c.valid) {
      decompose(c.code, compatible, codes);
    } else {
      codes += kStrayByte + byte;
    }
    at += c.bytes;
  }
  put_in_order(codes);
  if (form == NormalForm::kNfc || form == NormalForm::kNfkc) compose(codes);
  for (const char32_t code : codes) {
    if (code >= kStrayByte) {
      result += static_cast<char>(code - kStrayByte);
    } else {
      append_utf8(result, code);
    }
  }
}

}  // namespace

std::string normal_form(std::string_view text, NormalForm form) {
  const auto is_ascii = [](char c) { return static_cast<unsigned char>(c) < 0x80; };
  std::string result;
  result.reserve(text.size());
  for (std::size_t begin = 0; begin < text.size();) {
    // Between two characters of ASCII nothing joins; only the last one of a run may take a mark.
    const auto* other = std::find_if_not(text.begin() + begin, text.end(), is_ascii);
    auto at = static_cast<std::size_t>(other - text.begin());
    if (at < text.size() && at > begin) --at;
    result.append(text, begin, at - begin);
    begin = at;
    if (begin == text.size()) break;
    std::size_t end = begin + 1;
    while (end < text.size() && !(is_ascii(text[end - 1]) && is_ascii(text[end]))) ++end;
    append_normal(text.substr(begin, end - begin), form, result);
    begin = end;
  }
  return result;
}

}  // namespace gptkit
