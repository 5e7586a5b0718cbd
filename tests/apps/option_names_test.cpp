#include "common/option_names.h"

#include <gtest/gtest.h>

#include "common/program.h"

namespace gptkit {
namespace {

TEST(OptionNames, AKeyBecomesTheOptionOfThisProgram) {
  CLI::App app;
  app.add_option("-k,--top-k")->type_name("N");
  app.add_option("-s,--set");
  const auto shown = option_names(app);
  EXPECT_EQ(shown("`top_k`: -1 is out of range"), "--top-k: -1 is out of range");
  EXPECT_EQ(shown("give `top_k=5`"), "give --top-k 5");
  EXPECT_EQ(shown("`train.lr`: 0; give `data.train=FILE`"),
            "train.lr: 0; give --set data.train=FILE");
}

TEST(OptionNames, WithoutSetAKeyStaysAKey) {
  const auto shown = option_names(CLI::App());
  EXPECT_EQ(shown("give `data.train=FILE` or `chat`"), "give data.train=FILE or chat");
}

TEST(OptionNames, OtherTextStays) {
  const auto shown = option_names(std::vector<std::string>{"top_k"});
  for (const char* text : {"no key", "a ` alone", "`Two Words` and `a-b`", "``", "", "`./top_k`"}) {
    EXPECT_EQ(shown(text), text);
  }
  EXPECT_EQ(shown("`A b` then `top_k`"), "`A b` then --top-k");
  EXPECT_EQ(shown("it`s `top_k`"), "it`s --top-k");
}

}  // namespace
}  // namespace gptkit
