#pragma once
// The `pre_tokenizer` of a tokenizer.json, step by step: each step cuts the pieces that the ones
// before it left, and may change them. The published patterns with a scanner of their own
// (text/pre_tokenizer.h) are among the steps.
// https://huggingface.co/docs/tokenizers/api/pre-tokenizers

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "text/pre_tokenizer.h"

namespace gptkit {

/// How the text between pieces is treated.
enum class SplitBehavior { kRemoved, kIsolated, kMergedWithPrevious, kMergedWithNext, kContiguous };

struct SplitStep {
  enum class Kind {
    kByteLevel,        // pattern (none: whole pieces), then bytes as GPT-2's alphabet
    kPattern,          // a published pattern, isolated
    kText,             // a fixed text: text, behavior, invert
    kDigits,           // each number character, or runs of them
    kPunctuation,      // behavior
    kWhitespace,       // \w+|[^\w\s]+
    kWhitespaceSplit,  // white space is dropped
    kMetaspace,        // blanks become text; a piece begins with each, unless whole
  };
  enum class Prepend { kNever, kFirst, kAlways };

  Kind kind = Kind::kByteLevel;
  std::optional<PreTokenPattern> pattern = {};
  std::string text = {};
  SplitBehavior behavior = SplitBehavior::kIsolated;
  bool invert = false;
  bool individual = false;            // kDigits
  bool prefix_space = false;          // kByteLevel
  bool split = true;                  // kMetaspace
  Prepend prepend = Prepend::kNever;  // kMetaspace

  bool operator==(const SplitStep&) const = default;
};

/// Reads the member `pre_tokenizer`; refuses other kinds by name.
std::vector<SplitStep> read_split_steps(const Json& file, const std::string& file_name);

/// Cuts a text; `at_start`: it is the beginning of what is encoded.
std::vector<std::string> split_text(const std::vector<SplitStep>& steps, std::string text,
                                    bool at_start);

}  // namespace gptkit
