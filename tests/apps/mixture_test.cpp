#include <sstream>

#include "tiny_run.h"

namespace gptkit::test {
namespace {

using testing::HasSubstr;

/// Pretraining on two sources and with a document filter.
class Mixture : public TinyRun {
 protected:
  static void SetUpTestSuite() {
    TinyRun::SetUpTestSuite();
    const auto stories = content("stories.txt");
    fs::create_directory(folder() / "books");
    file("books/one.txt", std::string_view(stories).substr(0, 25'000));
    std::string lines;
    for (std::size_t i = 0; i < 40; ++i) lines += line(stories.substr(25'000 + 300 * i, 300));
    lines += line(stories.substr(25'000, 300)) + line("too short");
    file("pages.jsonl", lines);
    file("mixture.yaml",
         "tokenizer: tok\n"
         "model: {context_length: 32, n_layer: 1, n_head: 2, d_model: 16, dropout: 0.1}\n"
         "data:\n"
         "  sources:\n"
         "    - {path: books, weight: 60}\n"
         "    - {path: pages.jsonl, weight: 41, name: web}\n"
         "train: {token_budget: 5120, micro_batch_size: 4, eval_every: 9, eval_batches: 2,\n"
         "        checkpoint_every: 7, keep_checkpoints: 100, lr: 1.0e-3}\n");
  }
  static std::string line(const std::string& text) {
    return dump_json(OrderedJson{{"text", text}}) + "\n";
  }
  static Arguments arguments(const std::string& out, const Arguments& more = {}) {
    return Arguments{"--threads", "1", "-c", "mixture.yaml", "--out", out} + more;
  }
  static ProgramResult mix(const std::string& out, const Arguments& more = {}) {
    return run("pretrain", arguments(out, more));
  }
  /// The losses of a run, step by step.
  static std::vector<double> losses(const std::string& out) {
    std::vector<double> losses;
    std::istringstream rows(content(out + "/metrics.jsonl"));
    for (std::string row; std::getline(rows, row);) {
      losses.push_back(parse_json(row, "metrics").at("loss").get<double>());
    }
    return losses;
  }
};

TEST_F(Mixture, PrintsItsTableAndResumesAnywhereToTheSameBytes) {
  const auto whole = mix("whole");
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  EXPECT_THAT(whole.err, HasSubstr("data mixture, training for 5,120 tokens (the weights add up to "
                                   "101 and are scaled to 100 %)"));
  EXPECT_THAT(whole.err, testing::ContainsRegex("books +[0-9,]+ +59.4 % +0\\.[0-9]+"));
  EXPECT_THAT(whole.err, testing::ContainsRegex("web +[0-9,]+ +40.6 % +0\\.[0-9]+"));
  ASSERT_EQ(losses("whole").size(), 40u) << "5,120 tokens in steps of 4 x 32";

  for (const std::string step : {"00000007", "00000028"}) {
    const std::string out = "cut-" + step;
    fs::copy(folder() / "whole", folder() / out, fs::copy_options::recursive);
    for (const auto& saved : fs::directory_iterator(folder() / out / "checkpoints")) {
      if (saved.path().filename().string() > "step-" + step) remove_tree(saved.path());
    }
    remove_tree(folder() / out / "model");
    const auto resumed = mix(out, {"--resume"});
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_EQ(losses(out), losses("whole"));
    EXPECT_EQ(weights(out), weights("whole"));
  }
}

TEST_F(Mixture, GoesOverAllSourcesAsOftenAsTheBudgetAsks) {
  const auto long_run = mix("long", {"-s", "train.token_budget=64000", "-s", "train.eval_every=0"});
  ASSERT_EQ(long_run.exit_code, 0) << long_run.err;
  EXPECT_EQ(losses("long").size(), 500u) << "although train.epochs is 1";
  EXPECT_THAT(long_run.err, testing::ContainsRegex("web +[0-9,]+ +40.6 % +[3-9]\\.[0-9]+"));
}

TEST_F(Mixture, FiltersItsSourcesAndReports) {
  const auto filtered =
      mix("filtered", {"-s", "data.filter={min_characters: 100, drop_duplicates: true}"});
  ASSERT_EQ(filtered.exit_code, 0) << filtered.err;
  EXPECT_THAT(filtered.err, testing::ContainsRegex("- too short +1 +9\n"));
  EXPECT_THAT(filtered.err, testing::ContainsRegex("- duplicate +1 +300\n"));
  const auto report = parse_json(content("filtered/filter-report.json"), "report");
  EXPECT_EQ(report.at("read").at("documents"), 43);
  EXPECT_EQ(report.at("kept").at("documents"), 41);
  const auto& example = report.at("dropped").at("too_short").at("examples").at(0);
  EXPECT_THAT(example.at("where").get<std::string>(), testing::EndsWith("pages.jsonl:42"));
}

TEST_F(Mixture, TwoProcessesLearnFromTheSameWindowsAsOne) {
  const Arguments same = {"-q", "-s", "model.dropout=0", "-s", "data.filter.min_characters=100"};
  const auto one = mix("one", same), two = mix("two", same + Arguments{"--nproc", "2"});
  ASSERT_EQ(one.exit_code, 0) << one.err;
  ASSERT_EQ(two.exit_code, 0) << two.err;
  EXPECT_THAT(losses("two"), testing::Pointwise(testing::DoubleNear(1e-4), losses("one")))
      << "float32 sums in another order";
  EXPECT_EQ(content("two/filter-report.json"), content("one/filter-report.json"));
}

TEST_F(Mixture, RefusesWhatDoesNotGoTogether) {
  const auto refuse = [](const std::string& setting, const std::string& part) {
    expect_failure(mix("refused", {"-q", "-s", setting}), 2, "pretrain", part);
  };
  refuse("data.train=stories.txt", "data.train and data.sources are both set");
  refuse("data.sources=[{path: books}]", "`data.sources[0].weight`: 0 is out of range or missing");
  refuse("data.sources=[{weight: 1}]", "`data.sources[0].path` is missing");
  refuse("data.sources=[{path: books, weigth: 1}]", "did you mean 'data.sources[0].weight'?");
  refuse("data.sources=[{path: nowhere, weight: 1}]", "nowhere: no such file or folder");
  refuse("data.filter.min_characters=1000000", "the document filter drops every document");
  refuse("data.validation=0.0001", "the end of no source is long enough for a window of 32");
  EXPECT_FALSE(fs::exists(folder() / "refused"));
}

TEST_F(Mixture, EncodeFiltersForShardsAndAMixtureTakesThem) {
  const auto encoded = run(
      "tokenize", {"encode", "--threads", "1", "--tokenizer", "tok", "--out", "shards", "--filter",
                   "min_characters=100", "--filter", "drop_duplicates=true", "pages.jsonl"});
  ASSERT_EQ(encoded.exit_code, 0) << encoded.err;
  EXPECT_THAT(encoded.err, testing::ContainsRegex("kept +40 "));
  EXPECT_TRUE(fs::exists(folder() / "shards/filter-report.json"));
  const auto mixed =
      mix("of-shards",
          {"-q", "-s", "data.sources=[{path: shards, weight: 1}, {path: books, weight: 3}]"});
  EXPECT_EQ(mixed.exit_code, 0) << mixed.err;
  expect_failure(run("tokenize", {"encode", "--tokenizer", "tok", "--out", "x", "--filter",
                                  "near_duplicate=0.8", "pages.jsonl"}),
                 2, "tokenize", "--filter: unknown key 'filter.near_duplicate'; did you mean");
  expect_failure(run("tokenize", {"encode", "--tokenizer", "tok", "--filter", "min_characters=3",
                                  "pages.jsonl"}),
                 2, "tokenize", "--filter needs --out");
}

}  // namespace
}  // namespace gptkit::test
