#include "data/corpus/document_rules.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "base/config/config.h"
#include "base/error.h"
#include "text/unicode.h"
#include "text/words.h"

namespace gptkit {

namespace {

/// Neither text nor its layout.
bool is_control(char32_t code) {
  if (code == '\t' || code == '\n' || code == '\r') return false;
  const bool control = code < 0x20 || (code >= 0x7F && code < 0xA0);
  const bool private_use = (code >= 0xE000 && code <= 0xF8FF) || code >= 0xF0000;
  const bool no_character = (code >= 0xFDD0 && code <= 0xFDEF) || (code & 0xFFFE) == 0xFFFE;
  return control || private_use || no_character || code == 0xFFFD;
}

struct Range {
  Script script;
  char32_t first, last;
};
constexpr Range kRanges[] = {
    {Script::kLatin, 'A', 0x24F},          {Script::kLatin, 0x250, 0x2AF},
    {Script::kLatin, 0x1E00, 0x1EFF},      {Script::kLatin, 0x2C60, 0x2C7F},
    {Script::kLatin, 0xA720, 0xA7FF},      {Script::kLatin, 0xAB30, 0xAB6F},
    {Script::kLatin, 0xFB00, 0xFB06},      {Script::kLatin, 0xFF21, 0xFF5A},
    {Script::kGreek, 0x370, 0x3FF},        {Script::kGreek, 0x1F00, 0x1FFF},
    {Script::kCyrillic, 0x400, 0x52F},     {Script::kCyrillic, 0x1C80, 0x1C8F},
    {Script::kCyrillic, 0x2DE0, 0x2DFF},   {Script::kCyrillic, 0xA640, 0xA69F},
    {Script::kHebrew, 0x590, 0x5FF},       {Script::kHebrew, 0xFB1D, 0xFB4F},
    {Script::kArabic, 0x600, 0x6FF},       {Script::kArabic, 0x750, 0x77F},
    {Script::kArabic, 0x870, 0x8FF},       {Script::kArabic, 0xFB50, 0xFDFF},
    {Script::kArabic, 0xFE70, 0xFEFF},     {Script::kDevanagari, 0x900, 0x97F},
    {Script::kDevanagari, 0xA8E0, 0xA8FF}, {Script::kThai, 0xE00, 0xE7F},
    {Script::kHangul, 0x1100, 0x11FF},     {Script::kHangul, 0x3130, 0x318F},
    {Script::kHangul, 0xA960, 0xA97F},     {Script::kHangul, 0xAC00, 0xD7FF},
    {Script::kHan, 0x3005, 0x3007},        {Script::kHan, 0x31F0, 0x31FF},
    {Script::kHan, 0xFF66, 0xFF9D},
};

/// Of a letter.
bool is_of(Script script, char32_t letter) {
  if (script == Script::kHan && is_ideographic(letter)) return true;
  for (const auto& range : kRanges) {
    if (range.script == script && letter >= range.first && letter <= range.last) return true;
  }
  return false;
}

bool is_common_english(std::string_view word) {
  // Without "a", "in", "he", "on" ... which are words of other languages, too.
  constexpr std::string_view kWords[] = {
      "the",  "of",  "and",   "to",    "that", "is",   "was", "for",   "it",   "with",
      "be",   "by",  "this",  "had",   "not",  "are",  "but", "from",  "or",   "have",
      "they", "you", "were",  "his",   "her",  "she",  "we",  "there", "been", "their",
      "has",  "if",  "would", "which", "when", "what", "who", "your",  "will", "my"};
  return word.size() >= 2 && word.size() <= 5 &&
         std::find(std::begin(kWords), std::end(kWords), word) != std::end(kWords);
}

double share(std::int64_t part, std::int64_t all) {
  return all > 0 ? static_cast<double>(part) / static_cast<double>(all) : 0;
}

}  // namespace

std::string rounded(double value, int decimals) {
  std::array<char, 32> text;
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

CharacterCounts character_counts(std::string_view text, Script script) {
  CharacterCounts counts;
  for (std::size_t at = 0; at < text.size();) {
    if (const auto byte = static_cast<unsigned char>(text[at]); byte >= 0x20 && byte < 0x7F) {
      const bool letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
      counts.letters += letter;
      counts.of_script += letter && script == Script::kLatin;
      ++counts.characters;
      ++at;
      continue;
    }
    const auto character = decode_utf8(text, at);
    at += character.bytes;
    ++counts.characters;
    counts.control += !character.valid || is_control(character.code);
    if (!character.valid || char_class(character.code) != CharClass::kLetter) continue;
    ++counts.letters;
    counts.of_script += is_of(script, character.code);
  }
  return counts;
}

double english_share(std::string_view text) {
  std::int64_t words = 0, common = 0;
  for (WordScanner scanner(text); scanner.next(); ++words) {
    common += is_common_english(scanner.word());
  }
  return share(common, words);
}

std::optional<RuleBroken> broken_rule(std::string_view text, const DocumentFilterConfig& config,
                                      std::int64_t& characters) {
  const auto counts = character_counts(text, config.script);
  characters = counts.characters;
  const auto percent = [](double part) { return rounded(100 * part, 1) + " %"; };
  const auto broken = [](DropReason reason, const auto&... why) {
    return RuleBroken{reason, concat(why...)};
  };
  if (characters < config.min_characters) {
    return broken(DropReason::kTooShort, characters, " characters");
  }
  if (config.max_characters > 0 && characters > config.max_characters) {
    return broken(DropReason::kTooLong, characters, " characters");
  }
  const double control = share(counts.control, characters);
  if (control > config.max_control_share) {
    return broken(DropReason::kControlCharacters, percent(control), " control characters");
  }
  if (config.script != Script::kAny) {
    const double of_script = share(counts.of_script, counts.letters);
    if (of_script < config.min_script_share) {
      return broken(DropReason::kScript, percent(of_script), " of ", counts.letters, " letters");
    }
  }
  if (config.min_english_share > 0) {
    const double english = english_share(text);
    if (english < config.min_english_share) {
      return broken(DropReason::kNotEnglish, percent(english), " common English words");
    }
  }
  return std::nullopt;
}

void validate(const DocumentFilterConfig& config, const std::string& section) {
  const auto at_least_0 = [&](const char* key, std::int64_t value) {
    require(value >= 0, Key{section + "." + key}, ": ", value,
            " is out of range; expected 0 or more");
  };
  const auto is_share = [&](const char* key, double value) {
    require(value >= 0 && value <= 1, Key{section + "." + key}, ": ", value,
            " is out of range; expected a share from 0 to 1");
  };
  at_least_0("min_characters", config.min_characters);
  at_least_0("max_characters", config.max_characters);
  require(config.max_characters == 0 || config.max_characters >= config.min_characters,
          Key{section + ".max_characters"}, ": ", config.max_characters,
          " is below min_characters, ", config.min_characters, ", so no document would be left");
  is_share("max_control_share", config.max_control_share);
  is_share("min_script_share", config.min_script_share);
  is_share("min_english_share", config.min_english_share);
  const double near = config.near_duplicates;
  require(near == 0 || (near >= 0.1 && near <= 1), Key{section + ".near_duplicates"}, ": ", near,
          " is out of range; expected a Jaccard index from 0.1 to 1, or 0 for off");
}

}  // namespace gptkit
