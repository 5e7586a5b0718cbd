#pragma once
// Which documents of a text are worth learning from: rules on length, control characters and
// language, and no document twice (compare GPT-3's appendix A, arXiv:2005.14165, and The Pile,
// arXiv:2101.00027). Decides document by document in reading order, the same for any number of
// threads; of near duplicates the first one is kept. Sources of a mixture share a filter,
// so that the earlier source keeps what both have.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"

namespace gptkit {

/// Told by blocks of code points, which for letters is what a script is but for rare borrowings.
enum class Script {
  kAny,
  kLatin,
  kGreek,
  kCyrillic,
  kHebrew,
  kArabic,
  kDevanagari,
  kThai,
  kHangul,
  kHan,  ///< with the kana of Japanese
};

constexpr auto enum_names(Script) {
  return std::array{std::pair{"any", Script::kAny},
                    std::pair{"latin", Script::kLatin},
                    std::pair{"greek", Script::kGreek},
                    std::pair{"cyrillic", Script::kCyrillic},
                    std::pair{"hebrew", Script::kHebrew},
                    std::pair{"arabic", Script::kArabic},
                    std::pair{"devanagari", Script::kDevanagari},
                    std::pair{"thai", Script::kThai},
                    std::pair{"hangul", Script::kHangul},
                    std::pair{"han", Script::kHan}};
}

/// `data.filter`. Every default lets everything pass.
struct DocumentFilterConfig {
  std::int64_t min_characters = 0;
  std::int64_t max_characters = 0;
  double max_control_share = 1;
  Script script = Script::kAny;
  double min_script_share = 0.8;
  double min_english_share = 0;
  bool drop_duplicates = false;
  double near_duplicates = 0;

  bool operator==(const DocumentFilterConfig&) const = default;
  /// Whether any rule is set.
  bool active() const {
    auto unset = DocumentFilterConfig{};
    unset.min_script_share = min_script_share;
    return !(*this == unset);
  }
};

template <class Visitor>
void visit_fields(DocumentFilterConfig& c, Visitor&& visit) {
  visit("min_characters", c.min_characters, "drop shorter documents");
  visit("max_characters", c.max_characters, "drop longer documents; 0: none");
  visit("max_control_share", c.max_control_share,
        "drop documents with a larger share of control, private and broken characters");
  visit("script", c.script, "drop documents not written in it: latin, cyrillic, han ...");
  visit("min_script_share", c.min_script_share, "least share of that script among the letters");
  visit("min_english_share", c.min_english_share,
        "least share of words like 'the' and 'of' (English prose: 0.3 to 0.5); 0: any language");
  visit("drop_duplicates", c.drop_duplicates, "drop documents that are an earlier one's bytes");
  visit("near_duplicates", c.near_duplicates,
        "drop documents whose word 5-grams overlap this much (Jaccard; 0.8 is usual); 0: off");
}

/// Fails naming the key, with `section` ("data.filter") before it.
void validate(const DocumentFilterConfig& config, const std::string& section);

enum class DropReason {
  kTooShort,
  kTooLong,
  kControlCharacters,
  kScript,
  kNotEnglish,
  kDuplicate,
  kNearDuplicate,
};
inline constexpr std::size_t kDropReasons = 7;

constexpr auto enum_names(DropReason) {
  return std::array<std::pair<const char*, DropReason>, kDropReasons>{
      {{"too_short", DropReason::kTooShort},
       {"too_long", DropReason::kTooLong},
       {"control_characters", DropReason::kControlCharacters},
       {"script", DropReason::kScript},
       {"not_english", DropReason::kNotEnglish},
       {"duplicate", DropReason::kDuplicate},
       {"near_duplicate", DropReason::kNearDuplicate}}};
}

struct FilterReport {
  struct Count {
    std::int64_t documents = 0, characters = 0;
  };
  struct Example {
    std::string where, why;  // "a.jsonl:7", "like a.jsonl:3 (0.91)"
  };
  struct Dropped : Count {
    std::vector<Example> examples;  // the first kExamples
  };
  static constexpr std::size_t kExamples = 5;
  Count read, kept;
  std::array<Dropped, kDropReasons> dropped;  // by DropReason
};

/// A table for people; no line end after the last line.
std::string describe(const FilterReport& report);
/// {"read": {"documents", "characters"}, "kept": ..., "dropped": {REASON: {"documents",
/// "characters", "examples": [{"where", "why"}]}}}, reasons without documents left out.
OrderedJson to_json(const FilterReport& report);

class DocumentFilter {
 public:
  /// Measures documents on `threads` threads; decides on one.
  explicit DocumentFilter(const DocumentFilterConfig& config, int threads = 1);
  ~DocumentFilter();

  /// Reads the documents of files (see for_each_document) and says of each whether it is kept.
  /// Memory: some megabytes of text, a bit per document, and what is remembered of those kept: 60
  /// bytes with drop_duplicates, 1 kB with near_duplicates. Fails when none is kept.
  std::vector<bool> select(const std::vector<std::filesystem::path>& files);
  /// Over all calls of select().
  const FilterReport& report() const;

 private:
  class Judge;
  std::unique_ptr<Judge> judge_;
};

}  // namespace gptkit
