#include "text/text_splitter.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/hugging_face_pipeline.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

using Kind = SplitStep::Kind;
using Prepend = SplitStep::Prepend;
using View = std::string_view;

template <class Enum, std::size_t kSize>
Enum read_name(const Json& json, const char* key, const std::string& where,
               const std::pair<View, Enum> (&names)[kSize], View fallback) {
  const std::string text = json_string(json, key, where, std::string(fallback));
  std::vector<View> known;
  for (const auto& [name, value] : names) {
    if (text == name) return value;
    known.push_back(name);
  }
  fail(where, ": ", key, " '", printable(text), "' is not supported; expected one of ",
       join(known));
}

SplitBehavior read_behavior(const Json& json, const std::string& where, View fallback) {
  constexpr std::pair<View, SplitBehavior> kNames[] = {
      {"Removed", SplitBehavior::kRemoved},
      {"Isolated", SplitBehavior::kIsolated},
      {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
      {"MergedWithNext", SplitBehavior::kMergedWithNext},
      {"Contiguous", SplitBehavior::kContiguous}};
  return read_name(json, "behavior", where, kNames, fallback);
}

/// A published pattern matches every character: what is not matched does not exist.
SplitStep read_split(const Json& json, const std::string& where) {
  SplitStep step{.kind = Kind::kText};
  step.behavior = read_behavior(json, where, "");
  step.invert = json_bool(json, "invert", where, false);
  const Json pattern = json.contains("pattern") ? json["pattern"] : Json();
  if (!pattern.is_object() || !pattern.contains("Regex")) {
    step.text = fixed_pattern(json, where + ": a Split");
    return step;
  }
  step.kind = Kind::kPattern;
  step.pattern = published_pattern(json_string(pattern, "Regex", where), where);
  const bool keeps = step.behavior == SplitBehavior::kIsolated ||
                     (step.behavior == SplitBehavior::kRemoved && step.invert);
  require(keeps, where, ": a Split of behavior '", printable(json_string(json, "behavior", where)),
          "'", step.invert ? ", inverted," : "",
          " by this Regex is not supported; expected Isolated");
  return step;
}

SplitStep read_metaspace(const Json& json, const std::string& where) {
  constexpr std::pair<View, Prepend> kNames[] = {
      {"always", Prepend::kAlways}, {"first", Prepend::kFirst}, {"never", Prepend::kNever}};
  SplitStep step{.kind = Kind::kMetaspace, .text = json_string(json, "replacement", where)};
  const bool prefix = json_bool(json, "add_prefix_space", where, true);  // of older files
  step.prepend = read_name(json, "prepend_scheme", where, kNames, prefix ? "always" : "never");
  step.split = json_bool(json, "split", where, true);
  return step;
}

SplitStep read_step(const Json& json, const std::string& where) {
  const std::string type = json_string(json, "type", where);
  if (type == "ByteLevel") {
    SplitStep step{.kind = Kind::kByteLevel};
    step.prefix_space = json_bool(json, "add_prefix_space", where, true);
    if (json_bool(json, "use_regex", where, true)) step.pattern = PreTokenPattern::kGpt2;
    return step;
  }
  if (type == "Split") return read_split(json, where);
  if (type == "Metaspace") return read_metaspace(json, where);
  if (type == "Digits") {
    return {.kind = Kind::kDigits,
            .individual = json_bool(json, "individual_digits", where, false)};
  }
  if (type == "Punctuation") {
    return {.kind = Kind::kPunctuation, .behavior = read_behavior(json, where, "Isolated")};
  }
  if (type == "Whitespace") return {.kind = Kind::kWhitespace};
  if (type == "WhitespaceSplit") return {.kind = Kind::kWhitespaceSplit};
  if (type == "CharDelimiterSplit") {
    return {.kind = Kind::kText,
            .text = json_string(json, "delimiter", where),
            .behavior = SplitBehavior::kRemoved};
  }
  fail(where, ": unsupported pre_tokenizer ", printable(type),
       "; expected ByteLevel, Split, Metaspace, Digits, Punctuation, Whitespace, WhitespaceSplit, "
       "CharDelimiterSplit or a Sequence of them");
}

/// A stretch of text, and whether it is what was looked for.
struct Stretch {
  std::size_t begin, end;
  bool match;
};

/// Neighbours of the same kind become one.
void join_alike(std::vector<Stretch>& stretches) {
  std::vector<Stretch> joined;
  for (const Stretch& next : stretches) {
    if (!joined.empty() && joined.back().match == next.match) {
      joined.back().end = next.end;
    } else {
      joined.push_back(next);
    }
  }
  stretches = std::move(joined);
}

void merge_with_previous(std::vector<Stretch>& stretches) {
  std::vector<Stretch> merged;
  bool match_before = false;
  for (const Stretch& next : stretches) {
    if (next.match && !match_before && !merged.empty()) {
      merged.back().end = next.end;
    } else {
      merged.push_back(next);
    }
    match_before = next.match;
  }
  stretches = std::move(merged);
}

void merge_with_next(std::vector<Stretch>& stretches) {
  std::vector<Stretch> merged;
  bool match_behind = false;
  std::reverse(stretches.begin(), stretches.end());
  for (const Stretch& before : stretches) {
    if (before.match && !match_behind && !merged.empty()) {
      merged.back().begin = before.begin;
    } else {
      merged.push_back(before);
    }
    match_behind = before.match;
  }
  std::reverse(merged.begin(), merged.end());
  stretches = std::move(merged);
}

/// The pieces of a text whose stretches cover it.
void cut(View text, std::vector<Stretch> stretches, SplitBehavior behavior, bool invert,
         std::vector<std::string>& pieces) {
  for (Stretch& stretch : stretches) stretch.match ^= invert;
  if (behavior == SplitBehavior::kContiguous) join_alike(stretches);
  if (behavior == SplitBehavior::kMergedWithPrevious) merge_with_previous(stretches);
  if (behavior == SplitBehavior::kMergedWithNext) merge_with_next(stretches);
  for (const auto& [begin, end, match] : stretches) {
    if (begin == end || (match && behavior == SplitBehavior::kRemoved)) continue;
    pieces.emplace_back(text.substr(begin, end - begin));
  }
}

/// Where a fixed text stands, and what is between.
std::vector<Stretch> find_text(View text, View wanted) {
  std::vector<Stretch> stretches;
  std::size_t begin = 0;
  for (std::size_t at; (at = text.find(wanted, begin)) != text.npos; begin = at + wanted.size()) {
    if (at > begin) stretches.push_back({begin, at, false});
    stretches.push_back({at, at + wanted.size(), true});
  }
  if (begin < text.size()) stretches.push_back({begin, text.size(), false});
  return stretches;
}

/// Each matching character by itself, and what is between.
template <class Matches>
std::vector<Stretch> find_characters(View text, const Matches& matches) {
  std::vector<Stretch> stretches;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    if (c.valid && matches(c.code)) {
      if (at > begin) stretches.push_back({begin, at, false});
      stretches.push_back({at, at + c.bytes, true});
      begin = at + c.bytes;
    }
    at += c.bytes;
  }
  if (begin < text.size()) stretches.push_back({begin, text.size(), false});
  return stretches;
}

bool is_space(char32_t code) { return char_class(code) == CharClass::kSpace; }

/// \w+|[^\w\s]+
void split_words(View text, std::vector<std::string>& pieces) {
  enum class Class { kSpace, kWord, kOther };
  std::size_t begin = 0;
  Class last = Class::kSpace;
  const auto end_piece = [&](std::size_t end) {
    if (last != Class::kSpace && end > begin) {
      pieces.emplace_back(text.substr(begin, end - begin));
    }
    begin = end;
  };
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    const Class now = c.valid && is_word_character(c.code) ? Class::kWord
                      : c.valid && is_space(c.code)        ? Class::kSpace
                                                           : Class::kOther;
    if (now != last) end_piece(at);
    last = now;
    at += c.bytes;
  }
  end_piece(text.size());
}

void split_by_pattern(View text, PreTokenPattern pattern, std::vector<std::string>& pieces) {
  with_pretoken_end(pattern, [&](const auto& pretoken_end) {
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = pretoken_end(text, begin);
      pieces.emplace_back(text.substr(begin, end - begin));
      begin = end;
    }
  });
}

void split_metaspace(const SplitStep& step, View piece, bool at_start,
                     std::vector<std::string>& pieces) {
  std::string text = replaced(piece, " ", step.text);
  const bool wanted =
      step.prepend == Prepend::kAlways || (step.prepend == Prepend::kFirst && at_start);
  if (wanted && !text.starts_with(step.text)) text.insert(0, step.text);
  if (!step.split) {
    pieces.push_back(std::move(text));
  } else {
    cut(text, find_text(text, step.text), SplitBehavior::kMergedWithNext, false, pieces);
  }
}

void split_byte_level(const SplitStep& step, View text, std::vector<std::string>& pieces) {
  std::string piece(text);
  if (step.prefix_space && !text.starts_with(' ')) piece.insert(0, 1, ' ');
  const std::size_t first = pieces.size();
  if (step.pattern) {
    split_by_pattern(piece, *step.pattern, pieces);
  } else {
    pieces.push_back(std::move(piece));
  }
  for (std::size_t i = first; i < pieces.size(); ++i) pieces[i] = byte_level_text(pieces[i]);
}

void apply(const SplitStep& step, View piece, bool at_start, std::vector<std::string>& pieces) {
  const auto is_number = [](char32_t code) { return char_class(code) == CharClass::kNumber; };
  switch (step.kind) {
    case Kind::kByteLevel:
      return split_byte_level(step, piece, pieces);
    case Kind::kPattern:
      return split_by_pattern(piece, *step.pattern, pieces);
    case Kind::kText:
      return cut(piece, find_text(piece, step.text), step.behavior, step.invert, pieces);
    case Kind::kDigits:
      return cut(piece, find_characters(piece, is_number),
                 step.individual ? SplitBehavior::kIsolated : SplitBehavior::kContiguous, false,
                 pieces);
    case Kind::kPunctuation:
      return cut(piece, find_characters(piece, is_punctuation), step.behavior, false, pieces);
    case Kind::kWhitespace:
      return split_words(piece, pieces);
    case Kind::kWhitespaceSplit:
      return cut(piece, find_characters(piece, is_space), SplitBehavior::kRemoved, false, pieces);
    case Kind::kMetaspace:
      return split_metaspace(step, piece, at_start, pieces);
  }
}

}  // namespace

std::vector<SplitStep> read_split_steps(const Json& file, const std::string& file_name) {
  const std::string where = file_name + ": pre_tokenizer";
  std::vector<SplitStep> steps;
  for (const Json& part : pipeline_parts(file, "pre_tokenizer", "pretokenizers", where)) {
    steps.push_back(read_step(part, where));
    // Where a piece began in the text is only known before anything is cut.
    require(steps.size() == 1 || steps.back().prepend != Prepend::kFirst, where,
            ": a Metaspace with prepend_scheme 'first' behind another step is not supported");
  }
  return steps;
}

std::vector<std::string> split_text(const std::vector<SplitStep>& steps, std::string text,
                                    bool at_start) {
  std::vector<std::string> pieces;
  if (!text.empty()) pieces.push_back(std::move(text));
  for (const SplitStep& step : steps) {
    std::vector<std::string> next;
    for (const std::string& piece : pieces) apply(step, piece, at_start, next);
    pieces = std::move(next);
  }
  return pieces;
}

}  // namespace gptkit
