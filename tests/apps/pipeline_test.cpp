#include <algorithm>
#include <cmath>

#include "tiny_run.h"

namespace gptkit::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class Pipeline : public TinyRun {
 protected:
  static ProgramResult finetune_classifier(const std::string& out, const Arguments& more = {}) {
    return run("finetune-classify",
               Arguments{"-q", "--threads", "1", "-m", "pre/model", "--out", out, "-s",
                         "data.train=" + quickstart("messages.tsv"), "-s", "train.max_steps=2",
                         "-s", "classifier.max_tokens=8"} +
                   more);
  }
  static ProgramResult finetune_assistant(const std::string& out, const Arguments& more = {}) {
    return run("finetune-instruct",
               Arguments{"-q", "--threads", "1", "-m", "pre/model", "--out", out, "-s",
                         "data.train=" + quickstart("instructions.json"), "-s", "train.max_steps=2",
                         "-s", "instruct.prompt_style=plain", "-s", "responses.count=5", "-s",
                         "responses.max_new_tokens=2"} +
                   more);
  }
};

TEST_F(Pipeline, LeavesAModelAndTheRecordOfItsTraining) {
  for (const char* name : {"config.yaml", "run.log", "metrics.jsonl", "loss.svg",
                           "model/config.json", "model/model.safetensors", "model/tokenizer.json",
                           "checkpoints/step-00000004/manifest.json"}) {
    EXPECT_TRUE(fs::exists(folder() / "pre" / name)) << name;
  }
  EXPECT_THAT(content("pre/config.yaml"), HasSubstr("vocab_size: 300"));
  const auto again = pretrain("again", {"--json"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_EQ(weights("again"), weights("pre"));
  EXPECT_EQ(parse_json(again.out, "output").at("steps"), 4);
  EXPECT_EQ(pretrain("other", {"--seed", "5"}).exit_code, 0);
  EXPECT_NE(weights("other"), weights("pre"));
}

TEST_F(Pipeline, PartsOfAChatPromptWithoutChatAreRefused) {
  for (const char* option : {"--instruction-input", "--system"}) {
    const auto result = generate({"-p", "x", option, "y"});
    EXPECT_EQ(result.exit_code, 2);
    EXPECT_THAT(result.err, HasSubstr("give --chat too"));
  }
}

TEST_F(Pipeline, ContinuesAPromptTheSameWayForTheSameSeed) {
  const Arguments prompt = {"-p", "Once upon", "-n", "8", "--json", "--temp", "1"};
  const auto first = generate(prompt), second = generate(prompt);
  ASSERT_EQ(first.exit_code, 0) << first.err;
  const auto row = parse_json(first.out, "output");
  EXPECT_EQ(row.at("new_tokens"), 8);
  EXPECT_EQ(row.at("finish_reason"), "length");
  EXPECT_EQ(row.at("token_ids"), parse_json(second.out, "output").at("token_ids"));
  const auto other = parse_json(generate(prompt + Arguments{"--seed", "7"}).out, "output");
  EXPECT_NE(row.at("token_ids"), other.at("token_ids"));

  file("prompt.txt", "Once upon");
  const auto plain = generate({"-f", "prompt.txt", "-n", "8"});
  EXPECT_EQ(plain.err, "");
  EXPECT_THAT(plain.out, StartsWith("Once upon"));
  const auto full = parse_json(generate({"-p", "a", "-n", "2147483648", "--json"}).out, "output");
  EXPECT_EQ(full.at("finish_reason"), "context");
}

TEST_F(Pipeline, FinetunesAClassifierAndAppliesItToTextsFilesAndLines) {
  const auto trained = finetune_classifier("spam");
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_THAT(trained.out, HasSubstr("test accuracy"));
  const auto classify = [](const Arguments& more, const ProgramInput& input = {}) {
    return run("classify", Arguments{"-q", "--threads", "1", "-m", "spam/model"} + more, input);
  };
  const auto texts = classify({"See you", "a\tb\nc"});
  EXPECT_EQ(texts.exit_code, 0) << texts.err;
  EXPECT_THAT(texts.out, HasSubstr("\tSee you\n"));
  EXPECT_THAT(texts.out, HasSubstr("\ta\\tb\\nc\n"));
  const auto lines = classify({}, {.stdin_text = "See you\r\n\nwon"});
  EXPECT_EQ(std::count(lines.out.begin(), lines.out.end(), '\n'), 3);
  EXPECT_THAT(lines.out, StartsWith(texts.out.substr(0, texts.out.find('\n'))));
  const auto row = parse_json(classify({"--json", "caf\xe9"}).out, "output");
  EXPECT_EQ(row.at("probabilities").size(), 2u);

  const Arguments labelled = {"-i", quickstart("messages.tsv")};
  const auto one = classify(labelled + Arguments{"--batch-size", "1"});
  EXPECT_EQ(std::count(one.out.begin(), one.out.end(), '\n'), 1412);
  const auto report = parse_json(classify(labelled + Arguments{"--evaluate", "--json"}).out, "");
  EXPECT_EQ(report.at("rows"), 1412);
  EXPECT_THAT(classify(labelled + Arguments{"--evaluate"}).out, HasSubstr("precision"));
}

TEST_F(Pipeline, FinetunesAnAssistantThatAnswersInItsOwnStyle) {
  const auto trained = finetune_assistant("helper");
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const auto answers = parse_json(content("helper/responses.json"), "responses.json");
  ASSERT_EQ(answers.size(), 5u);
  EXPECT_TRUE(answers[0].contains("model_response"));
  const auto chat = run("generate", {"-q", "-m", "helper/model", "--chat", "-p", "Hi", "-n", "2"});
  EXPECT_EQ(chat.exit_code, 0) << chat.err;
  EXPECT_THAT(chat.out, Not(HasSubstr("Hi")));

  // Any template is run, and an empty system message is one.
  fs::copy(folder() / "helper/model", folder() / "asked", fs::copy_options::recursive);
  write_file_atomic(folder() / "asked/chat_template.jinja",
                    "{% if messages[0].role != 'system' %}{{ raise_exception('Say who!') }}"
                    "{% endif %}{{ messages | map(attribute='content') | join('|') }}");
  const Arguments ask = {"-q", "-m", "asked", "--chat", "-p", "Hi", "-n", "2"};
  const auto refused = run("generate", ask);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_THAT(refused.err, HasSubstr("the chat template refuses this conversation: Say who!"));
  const auto empty = run("generate", ask + Arguments{"--system", ""});
  EXPECT_EQ(empty.exit_code, 0) << empty.err;
  const auto state = run("convert", {"inspect", "--json", "asked"});
  EXPECT_THAT(state.out, HasSubstr("the chat template refuses this conversation"));

  // The book's prompt alone is longer than this model's context: said, and nothing is lost.
  const auto cut = finetune_assistant("cut", {"-s", "instruct.prompt_style=alpaca"});
  EXPECT_EQ(cut.exit_code, 0);
  EXPECT_THAT(cut.err, HasSubstr("5 of 5 test instructions are longer than the model's context"));
  EXPECT_TRUE(fs::exists(folder() / "cut/responses.json"));
}

TEST_F(Pipeline, MeasuresPerplexityAsOneObject) {
  const auto result = run("evaluate", {"perplexity", "-q", "-m", "pre/model", "stories.txt"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto figures = parse_json(result.out, "output");
  EXPECT_NEAR(std::log(figures.at("perplexity").get<double>()), figures.at("loss").get<double>(),
              1e-9);
  EXPECT_EQ(figures.at("characters"), 40'000);
}

TEST_F(Pipeline, GoesOnFromAModelWithTheShapeThatItHas) {
  const Arguments from = {
      "-q", "-m", "pre/model", "-s", "data.train=stories.txt", "-s", "train.max_steps=2"};
  const auto more = run("pretrain", from + Arguments{"--out", "more"});
  ASSERT_EQ(more.exit_code, 0) << more.err;
  EXPECT_THAT(content("more/config.yaml"), HasSubstr("d_model: 16"));
  const auto resumed = run("pretrain", {"-q", "--out", "more", "--resume"});
  EXPECT_EQ(resumed.exit_code, 0) << resumed.err;
  expect_failure(run("pretrain", from + Arguments{"--out", "no", "-s", "model.n_layer=3"}), 2,
                 "pretrain", "--set: model.n_layer: 3 does not fit");
  expect_failure(run("pretrain", from + Arguments{"--out", "no", "-s", "model.preset=gpt2"}), 2,
                 "pretrain", "has its own shape");
  EXPECT_FALSE(fs::exists(folder() / "no"));
}

TEST_F(Pipeline, ShowsSettingsWithTheirOrigin) {
  file("later.yaml", "train: {lr: 0.02}\nseed: 9\n");
  const auto shown = pretrain(
      "none", {"-c", "later.yaml", "-s", "train.max_steps=7", "--device", "cpu", "--print-config"});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, HasSubstr("# 8,624 parameters"));
  EXPECT_THAT(shown.out, testing::ContainsRegex("lr: 0\\.02 +# from later.yaml:1"));
  EXPECT_THAT(shown.out, testing::ContainsRegex("max_steps: 7 +# --set"));
  EXPECT_THAT(shown.out, testing::ContainsRegex("device: cpu +# --device"));
  EXPECT_FALSE(fs::exists(folder() / "none"));
}

TEST_F(Pipeline, EveryProgramExplainsItself) {
  for (const Arguments& program : {Arguments{"pretrain"},
                                   {"generate"},
                                   {"classify"},
                                   {"finetune-classify"},
                                   {"finetune-instruct"},
                                   {"evaluate", "perplexity"}}) {
    const Arguments command(program.begin() + 1, program.end());
    const auto help = run(program[0], command + Arguments{"--help"});
    EXPECT_EQ(help.exit_code, 0) << program[0];
    EXPECT_THAT(help.out, HasSubstr("--config")) << program[0];
    EXPECT_EQ(help.err, "") << program[0];
    if (!command.empty()) continue;  // evaluate wants files as well
    EXPECT_EQ(run(program[0], {"--print-config"}).exit_code, 0) << program[0];
  }
}

TEST_F(Pipeline, ReplacesARunOrATokenizerOnlyWhenAsked) {
  const auto before = content("pre/metrics.jsonl");
  expect_failure(pretrain("pre"), 2, "pretrain", "already holds a run");
  EXPECT_EQ(content("pre/metrics.jsonl"), before);
  fs::create_directory(folder() / "own");
  file("own/notes.txt", "mine");
  expect_failure(pretrain("own"), 2, "pretrain", "holds other files: notes.txt");
  expect_failure(pretrain("own", {"--overwrite"}), 2, "pretrain", "notes.txt");
  EXPECT_EQ(content("own/notes.txt"), "mine");
  EXPECT_EQ(pretrain("other", {"-s", "train.tensorboard=true"}).exit_code, 0);
  EXPECT_EQ(pretrain("other", {"--overwrite"}).exit_code, 0);

  const auto learn = [](const std::string& out, const Arguments& more) {
    return run("tokenize", Arguments{"train", "-q", "--algorithm", "bpe", "--vocab-size", "280",
                                     "--out", out, "stories.txt"} +
                               more);
  };
  expect_failure(learn("tok", {}), 2, "tokenize", "--overwrite");
  expect_failure(learn("pre/model", {"--overwrite"}), 2, "tokenize",
                 "not part of a tokenizer: config.json");
  EXPECT_EQ(learn("tok2", {}).exit_code, 0);
  const auto first = content("tok2/merges.txt");
  const auto chars = run("tokenize", {"train", "-q", "--algorithm", "char", "--out", "tok2",
                                      "stories.txt", "--overwrite"});
  EXPECT_EQ(chars.exit_code, 0) << chars.err;
  EXPECT_FALSE(fs::exists(folder() / "tok2/merges.txt"));
}

TEST_F(Pipeline, SaysWhenResultsCannotBeWritten) {
  for (const Arguments& command :
       {Arguments{"generate", "-p", "hi"}, {"evaluate", "perplexity", "stories.txt"}}) {
    const Arguments rest(command.begin() + 1, command.end());
    expect_failure(
        run(command[0], rest + Arguments{"-q", "-m", "pre/model"}, {.stdout_path = "/dev/full"}), 1,
        command[0], "No space left on device");
  }
  const auto closed =
      run("generate", {"-q", "-m", "pre/model", "-p", "hi", "--num-return-sequences", "300"},
          {.close_stdout_early = true});
  EXPECT_EQ(closed.exit_code, 0);
  EXPECT_EQ(closed.err, "");
}

}  // namespace
}  // namespace gptkit::test
