#include "tiny_run.h"

namespace gptkit::test {
namespace {

struct Case {
  Arguments more;
  std::string part;  // of the message
};

/// Wrong options, settings and files. Each costs a program start, so a table is one test.
class BadInput : public TinyRun {
 protected:
  static void expect_refused(const std::string& program, const Arguments& first,
                             const std::vector<Case>& cases) {
    for (const auto& [more, part] : cases) {
      SCOPED_TRACE(testing::PrintToString(more));
      const auto result = run(program, first + more);
      expect_failure(result, 2, program, part);
      EXPECT_EQ(result.out, "");
    }
  }
};

TEST_F(BadInput, PretrainNamesTheSettingAndWritesNothing) {
  expect_refused("pretrain", pretrain_arguments("none"),
                 {{{"--device", "cuda:7"}, "device 'cuda:7'"},
                  {{"-m", "nowhere"}, "model 'nowhere'"},
                  {{"-s", "tokenizer=nowhere"}, "tokenizer 'nowhere' not found"},
                  {{"-s", "data.train=nowhere.txt"}, "nowhere.txt: no such file"},
                  {{"-s", "data.train=/dev/null"}, "holds no text"},
                  {{"-s", "data.train=[]"}, "data.train: no training text"},
                  {{"-s", "data.validation=1.5"}, "data.validation: 1.5 is out of range"},
                  {{"-s", "data.validation=0.0001"}, "tokens are too few for one window of 32"},
                  {{"-s", "model.context_length=0"}, "model.context_length: 0"},
                  {{"-s", "model.n_head=3"}, "d_model 16 is not divisible by n_head 3"},
                  {{"-s", "model.d_model=1000000"}, "more than this machine's"},
                  {{"-s", "model.vocab_size=100"}, "smaller than the tokenizer's 300"},
                  {{"-s", "model.presett=gpt2"}, "did you mean 'model.preset'?"},
                  {{"-s", "train.lr=0"}, "--set: train.lr: 0"},
                  {{"-s", "train.lr=nan"}, "train.lr is 'nan'"},
                  {{"-s", "train.lr=1e6"}, "expected more than 0 and at most 1000"},
                  {{"-s", "lora.rank=4"}, "it is read by finetune-classify, not here"},
                  {{"-s", "train.lr="}, "no value"},
                  {{"-s", "train.max_steps=010"}, "train.max_steps is '010'"},
                  {{"-s", "classifier.labels=a"}, "read by finetune-classify"},
                  {{"-s", "sample.temperature=-1"}, "sample.temperature: -1"},
                  {{"-s", "sample.prompt=" + std::string(300, 'x')}, "sample.prompt has"},
                  {{"--seed", "18446744073709551616"}, "--seed"},
                  {{"--resume", "--overwrite"}, "--overwrite"},
                  {{"--resume"}, "no run to resume"}});
  EXPECT_FALSE(fs::exists(folder() / "none"));
  expect_refused("pretrain", {"-q", "-c", "pretrain.yaml", "--out", "stories.txt"},
                 {{{}, "stories.txt"}});
  expect_refused("pretrain", pretrain_arguments("large"),
                 {{{"-s", "train.micro_batch_size=100000"}, "use smaller batches or more data"}});
}

TEST_F(BadInput, EveryProgramReadsItsConfigStrictly) {
  const Arguments with = {"-c", "bad.yaml"};
  const std::vector<std::pair<std::string, std::string>> files = {
      {"nonsense: 1\n", "bad.yaml:1: unknown key 'nonsense'"},
      {"device: cpu\ndevice: cpu\n", "bad.yaml:2: the key 'device' is set twice"},
      {"model: [a]\n", "is a list"}};
  for (const auto& [content, part] : files) {
    SCOPED_TRACE(content);
    file("bad.yaml", content);
    for (const char* program :
         {"pretrain", "generate", "classify", "finetune-classify", "finetune-instruct"}) {
      expect_failure(run(program, with), 2, program, part);
    }
    expect_failure(run("evaluate", Arguments{"perplexity", "stories.txt"} + with), 2, "evaluate",
                   part);
  }
  const std::vector<std::pair<std::string, std::string>> broken = {
      {"device: \"cpu\n", "a quote is not closed"},
      {std::string("device: c\0pu\n", 13), "control character"},
      {"device: \xff\n", "invalid UTF-8"},
      {std::string(100'000, '['), "bad.yaml:1"}};
  for (const auto& [content, part] : broken) {
    file("bad.yaml", content);
    expect_failure(run("pretrain", with), 2, "pretrain", part);
  }
  expect_failure(run("generate", {"-c", "nowhere.yaml"}), 2, "generate", "nowhere.yaml");
}

TEST_F(BadInput, TrainingProgramsNameTheLineThatSetAValueOutOfRange) {
  file("bad.yaml", "train:\n  lr: 0\n");
  for (const char* program : {"pretrain", "finetune-classify", "finetune-instruct"}) {
    expect_failure(run(program, {"-c", "bad.yaml"}), 2, program,
                   "bad.yaml:2: train.lr: 0 is out of range");
  }
}

TEST_F(BadInput, GenerateRefusesValuesOutOfRange) {
  expect_refused("generate", {"-q", "-m", "pre/model"},
                 {{{}, "no prompt"},
                  {{"-f", "nowhere.txt"}, "nowhere.txt"},
                  {{"-f", "/dev/null"}, "the prompt is empty"},
                  {{"-f", "."}, "is a folder"},
                  {{"-f", "stories.txt"}, "--truncate-prompt"},
                  {{"-p", "x", "-f", "stories.txt"}, "choose one"},
                  {{"-p", "x", "-n", "-1"}, "max-new-tokens: -1"},
                  {{"-p", "x", "-n", "1e3"}, "max_new_tokens is '1e3'"},
                  {{"-p", "x", "--temp", "nan"}, "temperature is 'nan'"},
                  {{"-p", "x", "--temp", "-1"}, "temperature: -1"},
                  {{"-p", "x", "--top-p", "1.5"}, "top-p: 1.5"},
                  {{"-p", "x", "--top-k", "-1"}, "top-k: -1"},
                  {{"-p", "x", "--min-p", "2"}, "min-p: 2"},
                  {{"-p", "x", "--repetition-penalty", "0"}, "repetition-penalty: 0"},
                  {{"-p", "x", "--num-return-sequences", "0"}, "num-return-sequences: 0"},
                  {{"-p", "--top-k", "-n", "2"}, "write --prompt=--top-k if that"},
                  {{"-p", "x", "--seed", "-2"}, "seed: -2"}});
}

TEST_F(BadInput, TheFinetunersNameFileRowAndColumn) {
  file("one.tsv", "ham\ta\nham\tb\nham\tc\n");
  file("quote.tsv", "ham\t\"a\nspam\tb\n");
  file("short.tsv", "ham\ta\nspam\n");
  const auto train = [](const std::string& name) { return "data.train=" + name; };
  const Arguments messages = {"-s", train(quickstart("messages.tsv"))};
  expect_refused(
      "finetune-classify", {"-q", "-m", "pre/model", "--out", "none"},
      {{{}, "data.train: no labelled file"},
       {{"-s", train("one.tsv")}, "only the label 'ham' occurs"},
       {{"-s", train("quote.tsv")}, "quote.tsv:1"},
       {{"-s", train("short.tsv")}, "short.tsv:2"},
       {messages + Arguments{"-s", "data.label_column=no"}, "no column 'no'"},
       {messages + Arguments{"-s", "data.split=[0.5]"}, "write 'data.split: {train: 0.5}'"},
       {messages + Arguments{"-s", "data.split.train=0.95"}, "the shares add up to"},
       {messages + Arguments{"-s", "classifier.labels=[ham, ham]"}, "occurs twice"},
       {messages + Arguments{"-s", "classifier.max_tokens=33"}, "context of 32"},
       {messages + Arguments{"-s", "classifier.trainable=last_n"}, "has 1 blocks"}});
  file("empty.json", R"([{"instruction": "a", "input": "", "output": ""}])");
  file("number.json", R"([{"instruction": "a", "output": 5}])");
  expect_refused("finetune-instruct", {"-q", "-m", "pre/model", "--out", "none"},
                 {{{}, "data.train: no instructions"},
                  {{"-s", train("empty.json")}, "has an output to learn from"},
                  {{"-s", train("number.json")}, "row 0: 'output' is 5"},
                  {{"-s", train("stories.txt")}, "stories.txt"},
                  {{"-s", "instruct.prompt_style=poem"}, "expected one of alpaca"},
                  {{"-s", "responses.max_new_tokens=-1"}, "responses.max_new_tokens: -1"}});
  EXPECT_FALSE(fs::exists(folder() / "none"));
}

TEST_F(BadInput, ClassifyAndEvaluateSayWhatTheyNeed) {
  expect_refused("classify", {"-q"},
                 {{{"hi"}, "no model"},
                  {{"-m", "pre/model", "hi"}, "without a class head"},
                  {{"-m", "pre", "hi"}, "in its model/ folder"},
                  {{"-m", "pre/model", "--evaluate"}, "--input FILE"},
                  {{"-m", "pre/model", "-i", "stories.txt", "hi"}, "choose one of them"},
                  {{"-m", "pre/model", "-i", "nowhere.txt"}, "nowhere.txt"},
                  {{"-m", "pre/model", "--batch-size", "0", "hi"}, "batch-size: 0"}});
  expect_refused("evaluate", {"perplexity", "-q", "-m", "pre/model"},
                 {{{}, "missing files"},
                  {{"nowhere.txt"}, "nowhere.txt"},
                  {{"stories.txt", "--context", "64"}, "longer than the model's 32"},
                  {{"stories.txt", "--stride", "-1"}, "stride: -1"}});
}

TEST_F(BadInput, ADamagedModelFolderIsRefusedByTheNameOfTheFile) {
  for (const std::string name : {"model.safetensors", "config.json", "tokenizer.json"}) {
    const auto whole = content("pre/model/" + name);
    for (const auto& damaged : {std::string(), whole.substr(0, whole.size() / 2)}) {
      SCOPED_TRACE(concat(name, ", ", damaged.size(), " bytes"));
      remove_tree(folder() / "bad");
      fs::copy(folder() / "pre/model", folder() / "bad");
      file("bad/" + name, damaged);
      expect_failure(run("generate", {"-m", "bad", "-p", "x"}), 2, "generate", name);
    }
  }
  const auto other = run("tokenize", {"train", "-q", "--algorithm", "bpe", "--vocab-size", "320",
                                      "--out", "other", "stories.txt"});
  ASSERT_EQ(other.exit_code, 0) << other.err;
  remove_tree(folder() / "bad");
  fs::copy(folder() / "pre/model", folder() / "bad");
  fs::copy(folder() / "other", folder() / "bad",
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  for (const Arguments& program :
       {Arguments{"generate", "-p", "x"}, {"evaluate", "perplexity", "stories.txt"}}) {
    const Arguments rest(program.begin() + 1, program.end());
    expect_failure(run(program[0], rest + Arguments{"-m", "bad"}), 2, program[0],
                   "the tokenizer has 320 tokens but the model only 300");
  }
}

}  // namespace
}  // namespace gptkit::test
