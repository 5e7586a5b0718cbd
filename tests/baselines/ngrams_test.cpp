#include "baselines/ngrams.h"

#include <algorithm>

#include "base/files.h"
#include "base/json.h"
#include "support/support.h"

namespace gptkit {
namespace {

using testing::ElementsAre;

const Json& golden() {
  static const std::string path = GPTKIT_SOURCE_DIR "/tests/golden/baselines.json";
  static const Json json = parse_json(read_file(path), path);
  return json;
}

std::vector<std::string> ngrams(std::string_view text, NGramUnit unit, size_t min_n, size_t max_n) {
  std::vector<std::string> found;
  NGrams(text, unit).for_each(min_n, max_n, [&](std::string_view n) { found.emplace_back(n); });
  return found;
}

std::vector<std::string> sorted_ngrams(std::string_view text, NGramUnit unit, size_t min_n,
                                       size_t max_n) {
  auto result = ngrams(text, unit, min_n, max_n);
  std::ranges::sort(result);
  return result;
}

std::vector<std::string> sorted_strings(const Json& json) {
  auto result = json.get<std::vector<std::string>>();
  std::ranges::sort(result);
  return result;
}

TEST(NGrams, AreThoseOfScikitLearn) {
  for (const auto& each : golden().at("ngrams")) {
    const auto text = each.at("text").get<std::string>();
    const size_t characters = text.size() > 150 ? 1 : 3;  // of the long ones only which there are
    EXPECT_EQ(sorted_ngrams(text, NGramUnit::kWord, 1, 2), sorted_strings(each.at("words")))
        << text;
    EXPECT_EQ(sorted_ngrams(text, NGramUnit::kCharacter, 1, characters),
              sorted_strings(each.at("characters")))
        << text;
  }
}

TEST(NGrams, OfBrokenBytesHoldReplacementCharacters) {
  EXPECT_THAT(sorted_ngrams("A\xFF", NGramUnit::kCharacter, 2, 2),
              ElementsAre(" a", "a\uFFFD", "\uFFFD "));
  EXPECT_THAT(sorted_ngrams("AB\xFF"
                            "CD",
                            NGramUnit::kWord, 1, 2),
              ElementsAre("ab", "ab cd", "cd"));
}

TEST(NGrams, WordsAreLowerCaseAndHaveAtLeastTwoCharacters) {
  EXPECT_THAT(ngrams("A Big, BIG d\u00C9j\u00E0_vu!", NGramUnit::kWord, 1, 2),
              ElementsAre("big", "big big", "big", "big d\u00E9j\u00E0_vu", "d\u00E9j\u00E0_vu"));
}

TEST(NGrams, CharactersStayWithinAWordAndItsSpaces) {
  EXPECT_THAT(ngrams("ab \u00E9", NGramUnit::kCharacter, 3, 3),
              ElementsAre(" ab", "ab ", " \u00E9 "));
}

}  // namespace
}  // namespace gptkit
