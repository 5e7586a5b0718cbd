#include "tasks/finetune_classify/sweep.h"

#include <cstdlib>
#include <map>

#include "support/support.h"
#include "tasks/finetune_classify/folds.h"

namespace gptkit {
namespace {

const std::vector<SweepRowResult> kRows = {{.name = "whole",
                                            .set = {"classifier.trainable=all"},
                                            .trainable_parameters = 12,
                                            .accuracy = {{"train", 1}, {"test", 0.9}},
                                            .seconds = 1.25},
                                           {.name = "a|b", .set = {}, .error = "no such model"}};

TEST(Sweep, RowsAsJson) {
  EXPECT_EQ(to_json(kRows).dump(),
            R"([{"name":"whole","set":["classifier.trainable=all"],"trainable_parameters":12,)"
            R"("train":1.0,"test":0.9,"seconds":1.25},)"
            R"({"name":"a|b","set":[],"error":"no such model"}])");
}

TEST(Sweep, RowsAsATable) {
  EXPECT_EQ(to_markdown(kRows),
            "| row | learn | train % | validation % | test % | seconds |\n"
            "|---|---:|---:|---:|---:|---:|\n"
            "| whole | 12 | 100.00 |  | 90.00 | 1.2 |\n"
            "| a/b: no such model |  |  |  |  |  |\n");
}

TEST(Folds, HaveASpread) {
  const auto spread = spread_of({0.5, 1, 0.75});
  EXPECT_DOUBLE_EQ(spread.mean, 0.75);
  EXPECT_EQ(spread.smallest, 0.5);
  EXPECT_EQ(spread.largest, 1);
}

TEST(Sweep, IsRefusedAmongSeveralProcesses) {
  const std::map<std::string, std::string> launched = {
      {"RANK", "0"}, {"WORLD_SIZE", "2"}, {"MASTER_ADDR", "localhost"}, {"MASTER_PORT", "29500"}};
  for (const auto& [name, value] : launched) ::setenv(name.c_str(), value.c_str(), 1);
  World alone;
  test::expect_error([&] { run_classify_sweep({}, "rows.yaml", alone); },
                     "a sweep trains its rows in one process");
  for (const auto& [name, value] : launched) ::unsetenv(name.c_str());
}

}  // namespace
}  // namespace gptkit
