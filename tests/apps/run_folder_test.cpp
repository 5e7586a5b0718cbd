#include <algorithm>
#include <map>

#include "tiny_run.h"

namespace gptkit::test {
namespace {

using testing::HasSubstr;

/// What a run folder is after --overwrite, --resume and Ctrl-C, in each training program.
class RunFolders : public TinyRun {
 protected:
  static void SetUpTestSuite() {
    TinyRun::SetUpTestSuite();
    std::string table;
    for (int i = 0; i < 60; ++i) {
      table += concat(i % 3 == 0 ? "loud" : "calm", "\ta text of number ", i, "\n");
    }
    file("messages.tsv", table);
    file("rows.json", instructions(40));
  }
  static std::string instructions(int count) {
    OrderedJson rows = OrderedJson::array();
    for (int i = 0; i < count; ++i) {
      rows.push_back({{"instruction", concat("Say ", i, ".")}, {"input", ""}, {"output", "Yes."}});
    }
    return dump_json(rows);
  }
  static Arguments common(const std::string& out) {
    return {"-q", "--threads", "1", "-m", "pre/model", "--out", out, "-s", "train.eval_every=0"};
  }
  static Arguments classifier(const std::string& out) {
    return common(out) + Arguments{"-s", "data.train=messages.tsv", "-s", "classifier.max_tokens=8",
                                   "-s", "train.max_steps=2"};
  }
  static Arguments assistant(const std::string& out) {
    return common(out) +
           Arguments{"-s", "data.train=rows.json",        "-s", "train.max_steps=2",
                     "-s", "instruct.prompt_style=plain", "-s", "responses.max_new_tokens=2"};
  }
  static std::map<std::string, std::string> contents(const std::string& name) {
    std::map<std::string, std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(folder() / name)) {
      const auto path = fs::relative(entry.path(), folder()).string();
      if (entry.is_regular_file() && entry.path().filename() != ".lock") {
        files[path] = read_file(entry.path());
      }
    }
    return files;
  }
  /// The command that a message ends with, run as it stands.
  static ProgramResult run_advice(const std::string& message) {
    auto command = message.substr(message.rfind(": ") + 2);
    command.resize(command.find('\n'));
    std::vector<std::string> words;
    for (size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
      end = command.find(' ', begin);
      words.push_back(command.substr(begin, end - begin));
    }
    return run(words.front(), Arguments(words.begin() + 1, words.end()));
  }
};

TEST_F(RunFolders, NothingOfTheOldRunSurvivesInTheNewOne) {
  const auto with_adapters = classifier("adapters") + Arguments{"-s", "lora.rank=2"};
  ASSERT_EQ(run("finetune-classify", with_adapters).exit_code, 0);
  EXPECT_TRUE(fs::exists(folder() / "adapters/adapter"));
  const auto again = run("finetune-classify", classifier("adapters") + Arguments{"--overwrite"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_FALSE(fs::exists(folder() / "adapters/adapter"));
  EXPECT_TRUE(fs::exists(folder() / "adapters/report.html"));
  // Of another program.
  const auto other = run("finetune-instruct", assistant("adapters") + Arguments{"--overwrite"});
  EXPECT_EQ(other.exit_code, 0) << other.err;
  EXPECT_FALSE(fs::exists(folder() / "adapters/report.html"));
  EXPECT_TRUE(fs::exists(folder() / "adapters/responses.json"));
}

TEST_F(RunFolders, WrongSettingsLeaveTheOldRunAsItIs) {
  const std::pair<const char*, Arguments> programs[] = {
      {"pretrain", common("old-pretrain") +
                       Arguments{"-s", "data.train=stories.txt", "-s", "train.max_steps=2"}},
      {"finetune-classify", classifier("old-classify")},
      {"finetune-instruct", assistant("old-instruct")}};
  const char* const wrong[] = {"train.micro_batch_size=4096",
                               "train.lr=-1",
                               "train.warmup_steps=-1",
                               "train.epochs=0",
                               "train.min_lr=9",
                               "train.eval_batches=-1",
                               "train.keep_checkpoints=0",
                               "train.beta1=2",
                               "train.nothing=1",
                               "data.train=absent.tsv",
                               "seed=-7",
                               "device=cuda:99"};
  for (const auto& [program, arguments] : programs) {
    ASSERT_EQ(run(program, arguments).exit_code, 0) << program;
    const auto out =
        concat("old-", std::string(program).substr(std::string(program).find('-') + 1));
    const auto before = contents(out);
    for (const char* setting : wrong) {
      const auto result = run(program, arguments + Arguments{"--overwrite", "-s", setting});
      EXPECT_NE(result.exit_code, 0) << program << " " << setting;
      EXPECT_EQ(contents(out), before) << program << " " << setting;
    }
    // And what is refused whatever the settings are.
    for (const Arguments& place : {Arguments{"--out", "."}, {"--out", ".."}, {"--out", "/"}}) {
      auto elsewhere = arguments;
      elsewhere.erase(elsewhere.begin() + 5, elsewhere.begin() + 7);
      const auto result = run(program, elsewhere + place + Arguments{"--overwrite"});
      EXPECT_EQ(result.exit_code, 2);
      EXPECT_THAT(result.err, HasSubstr("cannot be replaced"));
    }
  }
  auto from_itself = programs[0].second;
  from_itself.insert(from_itself.end(), {"--overwrite", "-s", "model.from=old-pretrain/model"});
  from_itself.erase(from_itself.begin() + 3, from_itself.begin() + 5);
  const auto before = contents("old-pretrain");
  expect_failure(run("pretrain", from_itself), 2, "pretrain", "is in it");
  EXPECT_EQ(contents("old-pretrain"), before);
}

TEST_F(RunFolders, AFinishedRunSaysSoAndALongerOneGoesOn) {
  const auto arguments = [](const char* steps) {
    return common("longer") + Arguments{"-s", "data.train=stories.txt",
                                        "-s", "train.schedule=constant",
                                        "-s", concat("train.max_steps=", steps)};
  };
  ASSERT_EQ(run("pretrain", arguments("3")).exit_code, 0);
  const auto before = contents("longer");
  const auto finished = run("pretrain", arguments("3") + Arguments{"--resume"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  EXPECT_THAT(finished.out, HasSubstr("finished before: 3 steps"));
  auto after = contents("longer");
  after["longer/run.log"] = before.at("longer/run.log");
  EXPECT_EQ(after, before);
  const auto longer = run("pretrain", arguments("5") + Arguments{"--resume"});
  EXPECT_EQ(longer.exit_code, 0) << longer.err;
  EXPECT_THAT(content("longer/run.log"),
              HasSubstr("resuming from longer/checkpoints/step-00000003"));
  EXPECT_TRUE(fs::exists(folder() / "longer/checkpoints/step-00000005"));
  auto whole = arguments("5");
  whole[6] = "whole";
  ASSERT_EQ(run("pretrain", whole).exit_code, 0);
  EXPECT_EQ(weights("longer"), weights("whole"));
}

TEST_F(RunFolders, CtrlCKeepsTheAnswersSoFarAndResumeMakesTheOthers) {
  file("many.json", instructions(1500));  // answered many at a time
  const auto arguments = assistant("answers") + Arguments{"-s", "responses.max_new_tokens=20", "-s",
                                                          "data.test=many.json"};
  auto whole = arguments;
  whole[6] = "all-answers";
  ASSERT_EQ(run("finetune-instruct", whole).exit_code, 0);
  const auto code = stop_when(
      "finetune-instruct", arguments, [] { return fs::exists(folder() / "answers/finished.json"); },
      SIGTERM);
  ASSERT_EQ(code, 143) << said();
  EXPECT_THAT(said(), HasSubstr("finetune-instruct: stopped after"));
  const auto so_far = parse_json(content("answers/responses.json"), "responses.json");
  EXPECT_EQ(so_far.size(), 1500u);
  EXPECT_TRUE(so_far.back().at("model_response").is_null());
  const auto model = weights("answers");
  const auto resumed = run_advice(said());
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(content("answers/responses.json"), content("all-answers/responses.json"));
  EXPECT_EQ(weights("answers"), model);
  const auto metrics = content("answers/metrics.jsonl");
  EXPECT_EQ(std::count(metrics.begin(), metrics.end(), '\n'), 2);
}

TEST_F(RunFolders, CtrlCInAReportLeavesTheModelAndResumeMakesTheReport) {
  const auto arguments = classifier("reported") + Arguments{"-s", "lora.rank=2"};
  const auto code = stop_when(
      "finetune-classify", arguments,
      [] { return fs::exists(folder() / "reported/finished.json"); }, SIGHUP);
  ASSERT_EQ(code, 129) << said();
  EXPECT_FALSE(fs::exists(folder() / "reported/report.json"));
  const auto model = weights("reported");
  const auto resumed = run_advice(said());
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_TRUE(fs::exists(folder() / "reported/report.html"));
  EXPECT_TRUE(fs::exists(folder() / "reported/adapter"));
  EXPECT_EQ(weights("reported"), model);
  const auto finished = run_advice(said());
  EXPECT_THAT(finished.out, HasSubstr("finished before: 2 steps"));
}

TEST_F(RunFolders, FoldsGoOnWithTheOneThatWasStopped) {
  const auto arguments = [](const std::string& out) {
    return classifier(out) + Arguments{"-s", "data.folds=3",      "-s", "train.checkpoint_every=1",
                                       "-s", "train.max_steps=12"};
  };
  const auto whole = run("finetune-classify", arguments("whole-folds"));
  ASSERT_EQ(whole.exit_code, 0) << whole.err;
  EXPECT_THAT(whole.out, testing::Not(HasSubstr("whole-folds/model")));  // each fold has its own
  const auto code = stop_when(
      "finetune-classify", arguments("folds"),
      [] { return fs::exists(folder() / "folds/fold-2/checkpoints/step-00000001"); }, SIGINT);
  ASSERT_EQ(code, 130) << said();
  expect_failure(run("finetune-classify", arguments("folds")), 2, "finetune-classify",
                 "already holds a run; continue it with --resume");
  expect_failure(run("finetune-classify", {"-q", "--out", "folds/fold-1", "--resume"}), 2,
                 "finetune-classify", "is one fold of several; resume all of them with --out");
  const auto first = content("folds/fold-1/run.log");
  const auto resumed = run_advice(said());
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(content("folds/report.json"), content("whole-folds/report.json"));
  for (const char* fold : {"fold-1", "fold-2", "fold-3"}) {
    EXPECT_EQ(weights(concat("folds/", fold)), weights(concat("whole-folds/", fold)));
  }
  EXPECT_THAT(content("folds/fold-1/run.log"), testing::StartsWith(first));
  EXPECT_THAT(content("folds/fold-1/run.log"), testing::Not(HasSubstr("resuming from")));
  EXPECT_THAT(content("folds/fold-2/run.log"), HasSubstr("resuming from"));
  // All of them are replaced by fewer.
  const auto fewer = arguments("folds") + Arguments{"-s", "data.folds=2", "--overwrite"};
  const auto replaced = run("finetune-classify", fewer);
  EXPECT_EQ(replaced.exit_code, 0) << replaced.err;
  EXPECT_FALSE(fs::exists(folder() / "folds/fold-3"));
}

TEST_F(RunFolders, ASweepGoesOnWithTheRowThatWasStopped) {
  file("rows.yaml", "rows: [{name: one, set: [seed=1]}, {name: two, set: [seed=2]}]");
  const auto arguments = classifier("sweep") + Arguments{"--sweep", "rows.yaml",
                                                         "-s",      "train.checkpoint_every=1",
                                                         "-s",      "train.max_steps=12"};
  const auto code = stop_when(
      "finetune-classify", arguments,
      [] { return fs::exists(folder() / "sweep/02-two/checkpoints/step-00000001"); }, SIGINT);
  ASSERT_EQ(code, 130) << said();
  const auto one = contents("sweep/01-one");
  const auto resumed = run_advice(said());
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_EQ(parse_json(content("sweep/sweep.json"), "sweep.json").size(), 2u);
  EXPECT_EQ(contents("sweep/01-one"), one);
  const auto before = contents("sweep");
  const auto refused =
      run("finetune-classify",
          arguments + Arguments{"--overwrite", "-s", "train.micro_batch_size=999"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("no row could be trained: too little data"));
  EXPECT_EQ(contents("sweep"), before);
  EXPECT_EQ(run("finetune-classify", arguments + Arguments{"--overwrite"}).exit_code, 0);
}

TEST_F(RunFolders, ConvertReplacesModelsAndNothingElse) {
  const auto convert = [](const Arguments& arguments) {
    return run("convert", Arguments{"-q"} + arguments);
  };
  fs::create_directories(folder() / "mine/thesis");
  file("mine/thesis/chapter1.txt", "words");
  ASSERT_EQ(convert({"pre/model", "converted", "--to", "hf"}).exit_code, 0);
  fs::create_directory_symlink(folder() / "mine", folder() / "link");
  for (const char* out : {"mine", "mine/", "mine/thesis/..", "link", "link/"}) {
    expect_failure(convert({"pre/model", out, "--to", "hf", "--overwrite"}), 2, "convert",
                   "not part of a model: thesis;");
  }
  EXPECT_EQ(content("mine/thesis/chapter1.txt"), "words");
  for (const char* out : {".", "..", "/", "pre", "pre/model/.."}) {
    expect_failure(convert({"pre/model", out, "--to", "hf", "--overwrite"}), 2, "convert",
                   "cannot be replaced");
  }
  expect_failure(convert({"pre/model", "stories.txt", "--to", "hf", "--overwrite"}), 2, "convert",
                 "is a file");
  expect_failure(convert({"pre/model", "stories.txt", "--to", "gguf", "--overwrite"}), 2, "convert",
                 "is not a model in a format that convert writes");
  file("converted/README.md", "a card");
  expect_failure(convert({"pre/model", "converted", "--to", "hf", "--overwrite"}), 2, "convert",
                 "README.md");
  fs::remove(folder() / "converted/README.md");
  const auto replaced = convert({"pre/model", "converted", "--overwrite", "--dtype", "float16"});
  EXPECT_EQ(replaced.exit_code, 0) << replaced.err;
  EXPECT_NE(sha256_of_file(folder() / "converted/model.safetensors"), weights("pre"));
}

}  // namespace
}  // namespace gptkit::test
