#include "data/tables/table_header.h"

#include "support/support.h"

namespace gptkit {
namespace {

using Verdict = HeaderGuess::Verdict;

Verdict verdict_of(const std::string& label, const std::string& text,
                   const std::vector<std::string>& labels) {
  HeaderGuess guess(label, text);
  for (const auto& other : labels) {
    if (!guess.add(other)) break;
  }
  return guess.verdict();
}

TEST(TableHeader, OfTheUsualNamesIsSeenInAnyCase) {
  EXPECT_TRUE(has_usual_header({"Label", "TEXT"}));
  EXPECT_TRUE(has_usual_header({"id", "text"}));
  EXPECT_FALSE(has_usual_header({"text", "See you at eight."}));
  EXPECT_FALSE(has_usual_header({"ham", "hello"}));
}

TEST(TableHeader, HasALabelThatNoOtherRowHas) {
  EXPECT_EQ(verdict_of("kind", "message", {"a", "b", "a", "b", "a", "b"}), Verdict::kHeader);
  EXPECT_EQ(verdict_of("a", "message", {"b", "a"}), Verdict::kRow);
  EXPECT_EQ(verdict_of("stars", "review", {"1", "2", "3"}), Verdict::kHeader);
}

TEST(TableHeader, IsUnsureOfFewRowsAndLongTexts) {
  EXPECT_EQ(verdict_of("kind", "message", {"a", "a"}), Verdict::kUnsure);
  EXPECT_EQ(verdict_of("kind", std::string(101, 'x'), {"a", "b", "a", "b", "a", "b"}),
            Verdict::kUnsure);
}

}  // namespace
}  // namespace gptkit
