// Ctrl-C while a program answers: one line, exit code 130, and no temporary files.

#include <csignal>

#include "tiny_run.h"

namespace gptkit::test {
namespace {

using testing::HasSubstr;

class Stop : public TinyRun {
 protected:
  /// Stops the program after its first output and expects one line of the end.
  static void expect_stop(const std::string& program, const Arguments& arguments,
                          const std::string& part) {
    fs::remove(folder() / "said");
    const auto begun = [] {
      std::error_code code;
      const auto size = fs::file_size(folder() / "said", code);
      return !code && size > 0;
    };
    EXPECT_EQ(stop_when(program, arguments, begun, SIGINT), 130) << said();
    const auto all = said();
    const auto at = all.rfind("\n" + program + ": ");
    ASSERT_NE(at, all.npos) << all;
    EXPECT_THAT(all.substr(at), HasSubstr(part));
    EXPECT_EQ(all.find('\n', at + 1), all.size() - 1) << "one line: " << all;
    for (const auto& entry : fs::directory_iterator(folder())) {
      EXPECT_EQ(entry.path().string().find(".tmp-"), std::string::npos) << entry;
    }
  }
};

TEST_F(Stop, Generate) {
  expect_stop("generate",
              {"-m", "pre/model", "-p", "Once", "--num-return-sequences", "1000", "--threads", "1"},
              "stopped after");
}

TEST_F(Stop, Classify) {
  std::string rows;
  for (int i = 0; i < 20000; ++i) rows += "a text to label\n";
  file("texts.txt", rows);
  expect_stop("classify",
              {"-m", "pre/model", "--labels", "good,bad", "--instruction", "", "-i", "texts.txt",
               "--threads", "1"},
              "stopped after");
}

TEST_F(Stop, Evaluate) {
  std::string rows = "a row that is skipped, which is said before the work begins\n";
  for (int i = 0; i < 20000; ++i) rows += (i % 2 ? "good\ta text\n" : "bad\tno text\n");
  file("rows.tsv", rows);
  expect_stop("evaluate",
              {"few-shot", "-m", "pre/model", "--labels", "good,bad", "--instruction", "", "--test",
               "rows.tsv", "--shots", "0", "--threads", "1", "--header", "none"},
              "stopped");
}

}  // namespace
}  // namespace gptkit::test
