#include "tasks/generate/answers.h"

#include "base/files.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;

class Answers : public testing::Test {
 protected:
  fs::path file() const { return folder_.path() / "answers.jsonl"; }
  std::vector<std::string> texts() const {
    std::vector<std::string> all;
    const auto text = read_file(file());
    for (size_t begin = 0; begin < text.size();) {
      const auto end = text.find('\n', begin);
      const auto row = parse_json(text.substr(begin, end - begin), "answers");
      all.push_back(row.contains("error") ? "error: " + row["error"].get<std::string>()
                                          : row["text"].get<std::string>());
      begin = end + 1;
    }
    return all;
  }
  static Generation said(const std::string& text) {
    Generation result;
    result.text = text;
    return result;
  }

  test::ScratchFolder folder_;
  const std::vector<std::string> prompts_{"one", "two", "three"};
};

TEST_F(Answers, StandInTheOrderOfThePromptsWithErrorsInTheirPlace) {
  AnswerFile answers(file(), prompts_, /*resume=*/false);
  answers.add(2, said("c"));
  EXPECT_EQ(answers.answered(), 0U);
  answers.add_error(0, "too long");
  EXPECT_EQ(answers.answered(), 1U);
  answers.add(1, said("b"));
  EXPECT_THAT(texts(), testing::ElementsAre("error: too long", "b", "c"));
}

TEST_F(Answers, GoOnBehindTheLastWholeLine) {
  AnswerFile(file(), prompts_, false).add(0, said("a"));
  write_file_atomic(file(), read_file(file()) + "{\"prompt\": \"tw");
  AnswerFile answers(file(), prompts_, /*resume=*/true);
  EXPECT_EQ(answers.answered(), 1U);
  answers.add(1, said("b"));
  EXPECT_THAT(texts(), testing::ElementsAre("a", "b"));
}

TEST_F(Answers, OfOtherPromptsAreNotContinuedNorReplaced) {
  AnswerFile(file(), prompts_, false).add(0, said("a"));
  expect_error([&] { AnswerFile again(file(), prompts_, false); }, "exists");
  const std::vector<std::string> others{"uno", "dos"};
  expect_error([&] { AnswerFile again(file(), others, true); }, "does not answer prompt 1");
  EXPECT_THAT(texts(), testing::ElementsAre("a"));
}

}  // namespace
}  // namespace gptkit
