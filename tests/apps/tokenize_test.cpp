#include <gmock/gmock.h>

#include "base/files.h"
#include "support/run_program.h"
#include "support/support.h"

namespace gptkit::test {
namespace {

using testing::HasSubstr;

ProgramResult tokenize(const std::vector<std::string>& arguments, const ProgramInput& input = {}) {
  return run_program("tokenize", arguments, input);
}

std::string sample_text() {
  std::string text;
  for (int i = 0; i < 200; ++i) {
    text += "The cat sat on the mat, didn't it?  Line " + std::to_string(i * 37) + "\n";
  }
  return text;
}

/// A byte-level tokenizer learned from the sample, shared by the tests.
class Tokenize : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new ScratchFolder;
    write_file_atomic(*folder_ / "sample.txt", sample_text());
    const auto result = tokenize(
        {"train", "--algorithm", "bpe", "--vocab-size", "300", "--out", bpe(), sample(), "-q"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  static void TearDownTestSuite() { delete folder_; }

  static std::string bpe() { return (*folder_ / "bpe").string(); }
  static std::string sample() { return (*folder_ / "sample.txt").string(); }
  static std::string file(const std::string& name, std::string_view content) {
    write_file_atomic(*folder_ / name, content);
    return (*folder_ / name).string();
  }
  static std::string path(const std::string& name) { return (*folder_ / name).string(); }
  static ProgramResult decode(const std::string& ids) {
    return tokenize({"decode", "--tokenizer", bpe()}, {.stdin_text = ids});
  }

 private:
  static inline ScratchFolder* folder_ = nullptr;
};

TEST_F(Tokenize, EncodesAFileToOneLineThatDecodesToTheFile) {
  const auto encoded = tokenize({"encode", "--tokenizer", bpe(), sample()});
  ASSERT_EQ(encoded.exit_code, 0) << encoded.err;
  EXPECT_EQ(encoded.out.find('\n'), encoded.out.size() - 1);
  EXPECT_EQ(encoded.err, "");
  EXPECT_EQ(decode(encoded.out).out, sample_text());
}

TEST_F(Tokenize, RoundTripsRandomBytesThroughPipes) {
  std::string bytes;
  std::uint64_t state = 7;
  for (int i = 0; i < 300'000; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    bytes += static_cast<char>(state >> 33);
  }
  const auto encoded = tokenize({"encode", "--tokenizer", bpe(), "-"}, {.stdin_text = bytes});
  ASSERT_EQ(encoded.exit_code, 0) << encoded.err;
  EXPECT_TRUE(decode(encoded.out).out == bytes);
}

TEST_F(Tokenize, EncodesEveryLineOnItsOwn) {
  const auto result =
      tokenize({"encode", "--lines", "--tokenizer", bpe()}, {.stdin_text = "a\n\nb\na"});
  EXPECT_EQ(result.exit_code, 0);
  const auto of_file =
      tokenize({"encode", "--lines", "--tokenizer", bpe(), file("lines.txt", "a\n\nb\na")});
  EXPECT_EQ(result.out, of_file.out);
  const auto a = tokenize({"encode", "--tokenizer", bpe()}, {.stdin_text = "a"}).out;
  const auto b = tokenize({"encode", "--tokenizer", bpe()}, {.stdin_text = "b"}).out;
  EXPECT_EQ(result.out, a + "\n" + b + a);
}

TEST_F(Tokenize, GivesTheSameIdsWithAnyNumberOfThreads) {
  std::string text;
  while (text.size() < 20'000'000) text += sample_text();
  const auto one =
      tokenize({"encode", "--threads", "1", "--tokenizer", bpe()}, {.stdin_text = text});
  const auto four =
      tokenize({"encode", "--threads", "4", "--tokenizer", bpe(), file("big.txt", text)});
  EXPECT_EQ(one.exit_code, 0);
  EXPECT_TRUE(one.out == four.out);
}

TEST_F(Tokenize, TakesSpecialTokensAsTextUnlessAllowed) {
  const ProgramInput input{.stdin_text = "<|endoftext|>"};
  const auto text = tokenize({"encode", "--tokenizer", bpe()}, input);
  const auto special = tokenize({"encode", "--allow-special", "--tokenizer", bpe()}, input);
  EXPECT_EQ(special.out, "299\n");
  EXPECT_GT(text.out.size(), special.out.size());
}

TEST_F(Tokenize, ReadsTheTextFieldOfJsonLines) {
  const auto input = file("documents.jsonl", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n");
  const auto result = tokenize({"encode", "--tokenizer", bpe(), input});
  const auto lines =
      tokenize({"encode", "--lines", "--tokenizer", bpe()}, {.stdin_text = "a\nb\n"});
  EXPECT_EQ(result.out, lines.out);
}

TEST_F(Tokenize, CountsTokensAndVocabularyUse) {
  const auto json = tokenize({"count", "--json", "--tokenizer", bpe(), sample()});
  EXPECT_EQ(json.exit_code, 0);
  EXPECT_THAT(json.out, HasSubstr("\"bytes\":" + std::to_string(sample_text().size())));
  EXPECT_THAT(json.out, HasSubstr("\"vocab_size\":300"));
  const auto plain = tokenize({"count", "--tokenizer", bpe(), sample()});
  EXPECT_THAT(plain.out, HasSubstr("bytes per token"));
  EXPECT_THAT(plain.out, HasSubstr(" of 300 ("));
}

TEST_F(Tokenize, WritesShardsOnceAndWhole) {
  const std::vector<std::string> arguments = {"encode",       "--tokenizer",  bpe(), "--out",
                                              path("shards"), "--validation", "0.2", sample()};
  const auto result = tokenize(arguments);
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.out, "");
  for (const char* name : {"shards/train-00000.bin", "shards/val-00000.bin", "shards/meta.json"}) {
    EXPECT_TRUE(fs::exists(path(name))) << name;
  }
  expect_failure(tokenize(arguments), 2, "tokenize", "already exists");
}

TEST_F(Tokenize, LearnsWordsAndCharactersAndPieces) {
  for (const std::string algorithm : {"word", "char", "unigram"}) {
    const auto out = path(algorithm);
    std::vector<std::string> arguments = {"train", "--algorithm", algorithm,
                                          "--out", out,           sample()};
    if (algorithm == "unigram") arguments.insert(arguments.end(), {"--vocab-size", "320"});
    const auto trained = tokenize(arguments);
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
    const auto ids = tokenize({"encode", "--tokenizer", out}, {.stdin_text = "The cat sat"});
    ASSERT_EQ(ids.exit_code, 0) << ids.err;
    EXPECT_EQ(tokenize({"decode", "--tokenizer", out}, {.stdin_text = ids.out}).out, "The cat sat")
        << algorithm;
  }
}

TEST_F(Tokenize, SaysWhatItCouldNotLearn) {
  const auto result = tokenize({"train", "--algorithm", "bpe", "--vocab-size", "5000", "--out",
                                path("small"), file("small.txt", "aa aa bb bb")});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("warning: learned 26"));
  expect_failure(tokenize({"train", "--algorithm", "bpe", "--vocab-size", "200", "--out",
                           path("none"), sample()}),
                 2, "tokenize", "at least 257");
  expect_failure(tokenize({"train", "--algorithm", "unigram", "-q", "--vocab-size", "100000",
                           "--out", path("none"), sample()}),
                 2, "tokenize", "Vocabulary size");
  EXPECT_FALSE(fs::exists(path("none")));
}

TEST_F(Tokenize, ReadsSettingsAsTheOtherProgramsDo) {
  const auto config = file("encode.yaml", "tokenizer: bpe\nfiles: [sample.txt]\nlines: true\n");
  const auto by_config = tokenize({"encode", "-c", config});
  ASSERT_EQ(by_config.exit_code, 0) << by_config.err;
  const auto by_options = tokenize({"encode", "--lines", "--tokenizer", bpe(), sample()});
  EXPECT_EQ(by_config.out, by_options.out);
  const auto one = tokenize({"encode", "-c", config, "-s", "lines=false"});
  EXPECT_EQ(one.out, tokenize({"encode", "--tokenizer", bpe(), sample()}).out);
  const auto printed = tokenize({"encode", "-c", config, "--print-config"});
  EXPECT_THAT(printed.out, HasSubstr("lines: true"));
  EXPECT_THAT(printed.out, HasSubstr("encode.yaml:3"));
  const auto learned = tokenize({"train", "-s", "algorithm=char", "-s", "unknown=true", "-s",
                                 "out=" + path("by-set"), "-q", sample()});
  EXPECT_EQ(learned.exit_code, 0) << learned.err;
  EXPECT_TRUE(fs::exists(path("by-set")));
  const auto one_file = tokenize({"count", "--tokenizer", bpe(), "--files", sample(), sample()});
  EXPECT_EQ(one_file.out, tokenize({"count", "--tokenizer", bpe(), sample(), sample()}).out);
  expect_failure(tokenize({"encode", "-c", config, "-s", "line=true"}), 2, "tokenize",
                 "unknown key 'line'; did you mean 'lines'?");
  expect_failure(tokenize({"count", "-s", "validation=0.1"}), 2, "tokenize",
                 "unknown key 'validation'");
}

TEST_F(Tokenize, NeverOverwritesATokenizer) {
  expect_failure(tokenize({"train", "--algorithm", "char", "--out", bpe(), sample()}), 2,
                 "tokenize", "holds a tokenizer already");
  fs::create_directory(path("mine"));
  file("mine/notes.txt", "notes");
  for (const char* more : {"-q", "--overwrite"}) {
    expect_failure(
        tokenize({"train", "--algorithm", "char", more, "--out", path("mine"), sample()}), 2,
        "tokenize", "not part of a tokenizer: notes.txt");
  }
}

TEST_F(Tokenize, SuggestsTheOptionOrCommandThatWasMeant) {
  expect_failure(tokenize({"train", "--vocabsize", "5"}), 2, "tokenize",
                 "unknown option --vocabsize (did you mean --vocab-size?)");
  expect_failure(tokenize({"encod"}), 2, "tokenize",
                 "unknown command 'encod' (did you mean encode?)");
  expect_failure(tokenize({}), 2, "tokenize", "a command is missing");
  expect_failure(tokenize({"decode", "--tokenizer", bpe(), "extra"}), 2, "tokenize",
                 "unexpected argument 'extra'");
}

TEST_F(Tokenize, RefusesMissingAndRepeatedValues) {
  expect_failure(tokenize({"encode", "--tokenizer"}), 2, "tokenize", "--tokenizer needs a value");
  expect_failure(tokenize({"encode", "--tokenizer", "--lines"}), 2, "tokenize", "needs a value");
  expect_failure(tokenize({"encode", "--tokenizer", "a", "--tokenizer", "b"}), 2, "tokenize",
                 "--tokenizer is given 2 times");
  expect_failure(tokenize({"encode", sample()}), 2, "tokenize", "missing --tokenizer");
}

TEST_F(Tokenize, ReadsNumbersStrictly) {
  for (const std::string bad :
       {"010", "0x10", "1e3", "-1", "99999999999999999999", "", "3.0", "+5"}) {
    expect_failure(tokenize({"encode", "--tokenizer", bpe(), "--threads=" + bad}), 2, "tokenize",
                   "--threads");
  }
  for (const std::string bad : {"nan", "inf", "1e400", "-0.1", "1", "abc"}) {
    expect_failure(tokenize({"encode", "--tokenizer", bpe(), "--validation", bad}), 2, "tokenize",
                   "--validation");
  }
  expect_failure(
      tokenize({"encode", "--tokenizer", bpe()}, {.environment = {{"OMP_NUM_THREADS", "abc"}}}), 2,
      "tokenize", "OMP_NUM_THREADS is 'abc'");
}

TEST_F(Tokenize, NamesTheFileThatIsMissingEmptyOrBinary) {
  expect_failure(tokenize({"encode", "--tokenizer", bpe(), "no-such-file"}), 2, "tokenize",
                 "no-such-file");
  expect_failure(tokenize({"encode", "--tokenizer", bpe(), file("empty.txt", "")}), 2, "tokenize",
                 "empty.txt");
  expect_failure(
      tokenize({"encode", "--tokenizer", bpe(), file("binary.txt", std::string("a\0b", 3))}), 2,
      "tokenize", "binary.txt");
  expect_failure(tokenize({"encode", "--tokenizer", "no-such-tokenizer"}), 2, "tokenize",
                 "no-such-tokenizer");
  expect_failure(
      tokenize({"train", "--algorithm", "char", "--out", path("c"), file("latin1.txt", "caf\xe9")}),
      2, "tokenize", "latin1.txt: byte 3 is not UTF-8");
}

TEST_F(Tokenize, GivesNothingForAnEmptyStandardInput) {
  const auto result = tokenize({"encode", "--tokenizer", bpe()});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(decode("").out, "");
}

TEST_F(Tokenize, NamesLineAndValueOfABadId) {
  expect_failure(decode("1 2\n3 x4\n"), 2, "tokenize", "standard input:2: 'x4' is not a token id");
  expect_failure(decode("1\n300"), 2, "tokenize",
                 "standard input:2: token id 300 is outside the vocabulary, 0 to 299");
  for (const std::string bad : {"-1", "2147483648", "99999999999999999999999"}) {
    expect_failure(decode(bad), 2, "tokenize", "token id " + bad + " is outside the vocabulary");
  }
}

TEST_F(Tokenize, ReportsAFullDisk) {
  expect_failure(tokenize({"encode", "--tokenizer", bpe(), sample()}, {.stdout_path = "/dev/full"}),
                 1, "tokenize", "standard output: cannot write: No space left on device");
}

TEST_F(Tokenize, EndsQuietlyWhenNobodyReadsOn) {
  std::string text;
  while (text.size() < 3'000'000) text += sample_text();
  const auto result =
      tokenize({"encode", "--tokenizer", bpe()}, {.stdin_text = text, .close_stdout_early = true});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
}

TEST_F(Tokenize, ShowsHelpAndVersion) {
  const auto help = tokenize({"train", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("--vocab-size"));
  EXPECT_EQ(help.err, "");
  const auto version = tokenize({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, HasSubstr("tokenize (gptkit) "));
}

TEST_F(Tokenize, KeepsErrorsOnOneLineWhateverTheFileIsCalled) {
  expect_failure(tokenize({"encode", "--tokenizer", bpe(), "a\nb\x1b[31m"}), 2, "tokenize",
                 "a b?[31m");
}

}  // namespace
}  // namespace gptkit::test
