// The one installed name: it finds the programs, teaches them, and makes their completions and man
// pages.

#include <unistd.h>

#include <fstream>

#include "base/json.h"
#include "base/strings.h"
#include "tiny_run.h"

namespace gptkit::test {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kGroff = "/usr/bin/groff";

Arguments lines_of(const std::string& text) {
  std::istringstream stream(text);
  Arguments lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

TEST(Gptkit, HelpListsThePrograms) {
  for (const Arguments& arguments : {Arguments{}, {"--help"}, {"help"}}) {
    const auto help = run_program("gptkit", arguments);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.out, HasSubstr("\n  tokenize            learn a tokenizer"));
  }
}

TEST(Gptkit, AProgramIsTheSameWithItsNameBeforeIt) {
  const auto help = run_program("gptkit", {"tokenize", "train", "--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.out, HasSubstr("--vocab-size"));
  EXPECT_THAT(help.out, HasSubstr("Usage: gptkit tokenize train"));
  EXPECT_EQ(run_program("gptkit", {"help", "tokenize"}).out,
            run_program("gptkit", {"tokenize", "--help"}).out);
  expect_failure(run_program("gptkit", {"tokenize", "count", "--tokenizer", "nowhere", "-"}), 2,
                 "gptkit tokenize", "nowhere");
  expect_failure(run_program("gptkit", {"tokenize", "count", "--tokenzer=x"}), 2, "gptkit tokenize",
                 "(did you mean --tokenizer?); see gptkit tokenize count --help");
}

TEST(Gptkit, StandardInputAndExitCodesPassThrough) {
  const auto encoded =
      run_program("gptkit", {"tokenize", "decode", "--tokenizer", "nowhere"}, {.stdin_text = "1"});
  EXPECT_EQ(encoded.exit_code, 2);
}

TEST(Gptkit, AnUnknownProgramIsOneLine) {
  expect_failure(run_program("gptkit", {"tokenise"}), 2, "gptkit",
                 "unknown program 'tokenise' (did you mean tokenize?); see gptkit --help");
  expect_failure(run_program("gptkit", {"x\ny"}), 2, "gptkit", "unknown program 'x\\ny'; see");
  expect_failure(run_program("gptkit", {"--verbose"}), 2, "gptkit", "unknown option '--verbose'");
  expect_failure(run_program("gptkit", {"../bin/tokenize"}), 2, "gptkit", "unknown program");
  expect_failure(run_program("gptkit", {"--completion", "fish"}), 2, "gptkit", "bash or zsh");
}

TEST(Gptkit, VersionSaysWhatComputes) {
  const auto version = run_program("gptkit", {"--version"});
  EXPECT_EQ(version.exit_code, 0) << version.err;
  for (const char* part : {"gptkit 0.2.0\n", "commit ", "LibTorch ", "processor ", "kernels "}) {
    EXPECT_THAT(version.out, HasSubstr(part));
  }
  EXPECT_THAT(run_program("generate", {"--version"}).out,
              testing::AllOf(StartsWith("generate (gptkit) 0.2.0\n"), HasSubstr("\nkernels ")));
}

TEST(Gptkit, AnEnvironmentVariableForcesTheLevelOfTheKernels) {
  const auto with = [](const char* level) {
    return run_program("generate", {"--version"}, {.environment = {{"GPTKIT_ISA", level}}});
  };
  const auto reference = with("reference");
  EXPECT_EQ(reference.exit_code, 0) << reference.err;
  EXPECT_THAT(reference.out, HasSubstr("kernels    reference of reference"));
  EXPECT_THAT(reference.out, HasSubstr(": matmul reference, attention reference,"));
  expect_failure(with("sse"), 2, "generate",
                 "GPTKIT_ISA=sse is no level; expected one of reference");
  expect_failure(run_program("generate", {"-m", "nowhere", "-p", "x"},
                             {.environment = {{"GPTKIT_ISA", "sse"}}}),
                 2, "generate", "GPTKIT_ISA=sse is no level");
}

TEST(Gptkit, DoctorKnowsMachineAndBuild) {
  const auto text = run_program("gptkit", {"doctor"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("\ntemporary "));
  const auto shown = run_program("doctor", {"--json"}, {.environment = {{"GPTKIT_HOME", "/no/x"}}});
  const auto json = parse_json(shown.out, "doctor");
  EXPECT_EQ(json.at("version"), "0.2.0");
  EXPECT_GE(json.at("physical_cores").get<int64_t>(), 1);
  EXPECT_GT(json.at("memory_bytes").get<int64_t>(), 1 << 20);
  EXPECT_THAT(json.at("libtorch_path").get<std::string>(), HasSubstr("libtorch"));
  EXPECT_EQ(json.at("home"), "/no/x");
  EXPECT_EQ(json.at("cached_models").size(), 0u);
  EXPECT_EQ(json.at("temporary_folder_problem"), "");
  EXPECT_THAT(json.at("variables"), Contains("GPTKIT_HOME=/no/x"));
}

TEST(Gptkit, DoctorSaysWhyTheTemporaryFolderIsOfNoUse) {
  const auto shown = run_program("doctor", {"--json"}, {.environment = {{"TMPDIR", "/dev/null"}}});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  const auto json = parse_json(shown.out, "doctor");
  EXPECT_NE(json.at("temporary_folder_problem"), "");
}

/// Completes the last word of a command in bash.
class BashCompletion : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const auto made = run_program("gptkit", {"--completion", "bash"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
    folder_ = new ScratchFolder;
    std::ofstream(script()) << made.out;
    fs::create_directory(folder_->path() / "my data");
    std::ofstream(folder_->path() / "some text.txt") << "text";
  }
  static void TearDownTestSuite() { delete folder_; }
  static std::string script() { return (folder_->path() / "gptkit.bash").string(); }

  static Arguments complete(const Arguments& words) {
    const std::string ask =
        "source gptkit.bash && [[ $(complete -p gptkit) == *_gptkit* ]] && "
        "COMP_WORDS=(\"$@\") && COMP_CWORD=$(($# - 1)) && _gptkit && "
        "printf '%s\\n' \"${COMPREPLY[@]}\"";
    const auto result =
        run_program("/bin/bash", Arguments{"-c", ask, "bash"} + words, {.folder = folder_->path()});
    EXPECT_EQ(result.err, "");
    return lines_of(result.out);
  }

  static inline ScratchFolder* folder_ = nullptr;
};

TEST_F(BashCompletion, IsBash) { EXPECT_EQ(run_program("/bin/bash", {"-n", script()}).err, ""); }

TEST_F(BashCompletion, CompletesPrograms) {
  EXPECT_EQ(complete({"gptkit", "gen"}), Arguments{"generate"});
  EXPECT_EQ(complete({"gptkit", "fine"}), (Arguments{"finetune-classify", "finetune-instruct"}));
}

TEST_F(BashCompletion, CompletesCommandsAndOptions) {
  EXPECT_THAT(complete({"gptkit", "tokenize", "enc"}), Contains("encode"));
  EXPECT_EQ(complete({"gptkit", "tokenize", "train", "--vocab"}), Arguments{"--vocab-size"});
  EXPECT_EQ(complete({"gptkit", "tokenize", "decode", "--vocab"}), Arguments{""});
  EXPECT_THAT(complete({"gptkit", "generate", "--top"}), (Arguments{"--top-k", "--top-p"}));
}

TEST_F(BashCompletion, CompletesValues) {
  EXPECT_EQ(complete({"gptkit", "convert", "--dtype", "q"}), (Arguments{"q8_0", "q4_0"}));
  EXPECT_EQ(complete({"gptkit", "convert", "--dtype", "=", "q8"}), Arguments{"q8_0"});
  EXPECT_EQ(complete({"gptkit", "generate", "--device", "cu"}), Arguments{"cuda"});
  EXPECT_EQ(complete({"gptkit", "generate", "--top-k", ""}), Arguments{""});
}

TEST_F(BashCompletion, CompletesFiles) {
  EXPECT_EQ(complete({"gptkit", "generate", "-f", "some"}), Arguments{"some text.txt"});
  EXPECT_THAT(complete({"gptkit", "tokenize", "count", "my"}), Contains("my data"));
}

TEST(ZshCompletion, HasEveryProgram) {
  const auto made = run_program("gptkit", {"--completion", "zsh"});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  EXPECT_THAT(made.out, StartsWith("#compdef gptkit\n"));
  EXPECT_THAT(made.out, HasSubstr("_gptkit_finetune_classify() {"));
  EXPECT_THAT(made.out, HasSubstr(":value:(same float32"));
  if (!fs::exists("/usr/bin/zsh")) GTEST_SKIP() << "no zsh here to parse the script";
  ScratchFolder folder;
  std::ofstream(folder / "_gptkit") << made.out;
  EXPECT_EQ(run_program("/usr/bin/zsh", {"-n", (folder / "_gptkit").string()}).err, "");
}

TEST(ManPages, AreRoffWithoutWarnings) {
  if (!fs::exists(kGroff)) GTEST_SKIP() << "no groff here to read the pages";
  const std::vector<Arguments> pages = {{"gptkit", "--man"},   {"tokenize", "--man"},
                                        {"generate", "--man"}, {"classify", "--man"},
                                        {"pretrain", "--man"}, {"convert", "--man"}};
  for (const auto& page : pages) {
    const auto made = run_program(page[0], {page[1]});
    EXPECT_THAT(made.out, StartsWith(".TH GPTKIT"));
    const auto shown =
        run_program(kGroff, {"-man", "-ww", "-Tutf8", "-P-cbou"}, {.stdin_text = made.out});
    EXPECT_EQ(shown.err, "") << page[0];
    EXPECT_THAT(shown.out, HasSubstr("EXIT STATUS"));
  }
  const auto page = run_program(kGroff, {"-man", "-Tutf8", "-P-cbou"},
                                {.stdin_text = run_program("generate", {"--man"}).out});
  EXPECT_THAT(page.out, HasSubstr("--repetition-penalty NUMBER"));
}

}  // namespace
}  // namespace gptkit::test
