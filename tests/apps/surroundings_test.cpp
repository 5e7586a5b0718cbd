// The programs where the system is not as they are used to: little stack, limits on files and
// memory, no working folder, signals in the middle of a write, files that are something else.

#include <sys/stat.h>
#include <unistd.h>

#include "tiny_run.h"

namespace gptkit::test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kStrace = "/usr/bin/strace";
const Arguments kPrograms = {"classify",          "convert",           "doctor",   "evaluate",
                             "finetune-classify", "finetune-instruct", "generate", "gptkit",
                             "pretrain",          "tokenize"};

class Surroundings : public TinyRun {
 protected:
  /// Runs a program in folder() after a shell has done `before` (a limit, another folder).
  static ProgramResult after(const std::string& before, const std::string& program,
                             const Arguments& arguments, const ProgramInput& input = {}) {
    const auto path = (fs::path(GPTKIT_BIN_DIR) / program).string();
    return run("/bin/bash", Arguments{"-c", before + " && exec \"$0\" \"$@\"", path} + arguments,
               input);
  }
  static std::string absolute(const std::string& name) { return (folder() / name).string(); }
  static std::vector<std::string> temporaries() {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(folder())) {
      const auto name = entry.path().filename().string();
      if (name.find(".tmp-") != name.npos) found.push_back(name);
    }
    return found;
  }
  static bool may_trace() {
    return fs::exists(kStrace) && run(kStrace, {"-o", "/dev/null", "/bin/true"}).exit_code == 0;
  }
};

TEST_F(Surroundings, HelpAndVersionToAFullDiskFail) {
  for (const auto& program : kPrograms) {
    for (const char* option : {"--help", "--version"}) {
      expect_failure(run(program, {option}, {.stdout_path = "/dev/full"}), 1, program,
                     "standard output: cannot write: No space left on device");
    }
  }
}

TEST_F(Surroundings, AWorkingFolderThatIsGoneIsSaid) {
  for (const auto& program : kPrograms) {
    const auto result = after("mkdir gone && cd gone && rmdir ../gone", program, {"--version"});
    expect_failure(result, 2, program, "the working folder cannot be found: No such file");
  }
}

TEST_F(Surroundings, NeitherATemporaryFolderNorAHomeIsNeeded) {
  const ProgramInput input = {.environment = {{"HOME", "/nowhere"}, {"TMPDIR", "/nowhere"}}};
  const auto result = after("unset OMP_NUM_THREADS", "generate",
                            {"-q", "-m", "pre/model", "-p", "Once", "-n", "2"}, input);
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(Surroundings, ALimitOnTheSizeOfFilesIsAnError) {
  expect_failure(after("ulimit -f 1", "convert", {"-q", "pre/model", "limited.gguf"}), 1, "convert",
                 "cannot write 'limited.gguf': File too large");
  EXPECT_FALSE(fs::exists(folder() / "limited.gguf"));
  const auto trained = after("ulimit -f 1", "pretrain", pretrain_arguments("limited"));
  EXPECT_EQ(trained.exit_code, 1) << trained.err;
  EXPECT_THAT(trained.err, HasSubstr("File too large"));
}

TEST_F(Surroundings, ASmallStackIsEnough) {
  for (const char* limit : {"ulimit -s 512", "ulimit -s unlimited"}) {
    const auto threads = std::string(limit) + " && unset OMP_NUM_THREADS";
    const auto result =
        after(threads, "evaluate",
              {"perplexity", "-q", "--threads", "2", "--model", "pre/model", "stories.txt"});
    EXPECT_EQ(result.exit_code, 0) << limit << ": " << result.err;
    const auto trained =
        after(threads, "pretrain",
              {"-q", "--threads", "2", "-c", "pretrain.yaml", "--overwrite", "--out", "stack"});
    EXPECT_EQ(trained.exit_code, 0) << limit << ": " << trained.err;
  }
}

TEST_F(Surroundings, AStackThatIsTooSmallForOpenMpIsRefused) {
  expect_failure(run("generate", {"--version"}, {.environment = {{"OMP_STACKSIZE", "1M"}}}), 2,
                 "generate", "OMP_STACKSIZE is '1M'; LibTorch's threads need at least 4M");
  for (const char* enough : {"4M", "8192", "1g"}) {
    EXPECT_EQ(
        run("generate", {"--version"}, {.environment = {{"OMP_STACKSIZE", enough}}}).exit_code, 0)
        << enough;
  }
}

TEST_F(Surroundings, TooLittleMemoryIsSaidInOurWords) {
  const auto result = after("ulimit -v 1200000", "pretrain",
                            pretrain_arguments("large") + Arguments{"-s", "model.d_model=5000"});
  expect_failure(result, 1, "pretrain", "out of memory; use smaller sizes");
}

TEST_F(Surroundings, AModelThatIsCutShortWhileInUseIsNamed) {
  if (!may_trace()) GTEST_SKIP() << "no strace here";
  fs::copy(folder() / "pre" / "model", folder() / "shrinking");
  const auto file = absolute("shrinking/model.safetensors");
  // The file loses its end between its mapping and its reading.
  const auto generated =
      run("/bin/bash", {"-c",
                        "(until grep -qs \"$1\" /proc/[0-9]*/maps; do sleep 0.05; done; "
                        "truncate -s 100 \"$1\") & strace -f -o strace.log -P \"$1\" -e trace=mmap "
                        "-e inject=mmap:delay_exit=3000000:when=1 \"$0\" -q --threads 1 "
                        "-m shrinking -p Once -n 2; code=$?; wait; exit $code",
                        (fs::path(GPTKIT_BIN_DIR) / "generate").string(), file});
  expect_failure(generated, 1, "generate", "model.safetensors': it was cut short while in use");
}

TEST_F(Surroundings, CtrlCInAWriteLeavesNothing) {
  if (!may_trace()) GTEST_SKIP() << "no strace here";
  const auto interrupted = [](const std::string& program, const Arguments& arguments,
                              const std::string& signal, int code) {
    const auto path = (fs::path(GPTKIT_BIN_DIR) / program).string();
    const auto result = run(kStrace, Arguments{"-f", "-o", "strace.log", "-e", "trace=fsync", "-e",
                                               "inject=fsync:signal=" + signal + ":when=1", path} +
                                         arguments);
    EXPECT_EQ(result.exit_code, code) << program << ": " << result.err;
    EXPECT_THAT(result.err, HasSubstr(program + ": stopped by "));
    EXPECT_THAT(temporaries(), testing::IsEmpty()) << program;
  };
  interrupted("convert", {"pre/model", "stopped", "--to", "hf", "-q"}, "INT", 130);
  interrupted("convert", {"pre/model", "stopped.gguf", "-q"}, "TERM", 143);
  interrupted("tokenize", {"train", "-q", "--algorithm", "char", "--out", "stopped", "stories.txt"},
              "HUP", 129);
  interrupted("tokenize", {"encode", "-q", "--tokenizer", "tok", "--out", "stopped", "stories.txt"},
              "INT", 130);
  EXPECT_FALSE(fs::exists(folder() / "stopped"));
  EXPECT_FALSE(fs::exists(folder() / "stopped.gguf"));
}

TEST_F(Surroundings, WhatAKilledProcessLeftGoesWithTheNextWrite) {
  if (!may_trace()) GTEST_SKIP() << "no strace here";
  const Arguments convert = {"pre/model", "killed", "--to", "hf", "-q"};
  run(kStrace, Arguments{"-f", "-o", "strace.log", "-e", "trace=fsync", "-e",
                         "inject=fsync:signal=KILL:when=1",
                         (fs::path(GPTKIT_BIN_DIR) / "convert").string()} +
                   convert);
  EXPECT_THAT(temporaries(), testing::SizeIs(1));
  EXPECT_EQ(run("convert", convert).exit_code, 0);
  EXPECT_THAT(temporaries(), testing::IsEmpty());
}

TEST_F(Surroundings, AFolderThatMayNotBeEnteredIsSaid) {
  fs::copy(folder() / "pre" / "model", folder() / "closed");
  ::chmod((folder() / "closed").c_str(), 0);
  Arguments as_user = {"-c", "exec \"$0\" \"$@\""};
  if (::geteuid() == 0) {  // root may enter it, unless it gives that up
    as_user = {"-c", "exec setpriv --bounding-set=-dac_override,-dac_read_search \"$0\" \"$@\""};
    const auto able = run("/bin/bash", as_user + Arguments{"/bin/true"});
    if (able.exit_code != 0) GTEST_SKIP() << "no setpriv here: " << able.err;
  }
  const auto refused = [&](const std::string& program, const Arguments& arguments) {
    const auto path = (fs::path(GPTKIT_BIN_DIR) / program).string();
    const auto result = run("/bin/bash", as_user + Arguments{path} + arguments);
    expect_failure(result, 2, program, "Permission denied");
    EXPECT_THAT(result.err, HasSubstr("closed"));
    EXPECT_THAT(result.err, Not(HasSubstr("filesystem error")));
  };
  refused("generate", {"-m", "closed", "-p", "Once"});
  refused("evaluate", {"perplexity", "--model", "pre/model", "closed"});
  refused("evaluate", {"perplexity", "--model", "closed", "stories.txt"});
  refused("tokenize", {"encode", "--tokenizer", "closed", "stories.txt"});
  refused("tokenize", {"encode", "--tokenizer", "tok", "closed"});
  refused("convert", {"closed", "out.gguf"});
  refused("convert", {"inspect", "closed/model.safetensors"});
  refused("classify", {"--model", "closed", "text"});
  refused("classify", {"--model", "pre/model", "--input", "closed/a.tsv"});
  ::chmod((folder() / "closed").c_str(), 0755);
}

TEST_F(Surroundings, WhatStandsInTheFilesPlaceIsRecognised) {
  const std::string pointer =
      "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 188584\n";
  const auto expect_said = [&](const std::string& name, const std::string& content,
                               const std::string& what) {
    remove_tree(folder() / "fetched");
    fs::copy(folder() / "pre" / "model", folder() / "fetched");
    file("fetched/" + name, content);
    const auto result = run("generate", {"-m", "fetched", "-p", "Once", "-n", "2"});
    expect_failure(result, 2, "generate", what);
    EXPECT_THAT(result.err, HasSubstr(name));
  };
  for (const char* name : {"model.safetensors", "tokenizer.json", "config.json"}) {
    expect_said(name, pointer, "this is a git-LFS pointer, not the file itself");
    expect_said(name, "<!DOCTYPE html>\n<html></html>", "this is a web page, not the file itself");
    expect_said(name, "Entry not found", "a server sent instead of the file");
  }
  file("pointer.safetensors", pointer);
  expect_failure(run("convert", {"inspect", "pointer.safetensors"}), 2, "convert",
                 "this is a git-LFS pointer");
  file("pointer.txt", pointer);
  expect_failure(run("evaluate", {"perplexity", "--model", "pre/model", "pointer.txt"}), 2,
                 "evaluate", "this is a git-LFS pointer");
}

TEST_F(Surroundings, InputsMayBePipes) {
  const auto fed = [](const std::string& program, const std::string& command) {
    return run("/bin/bash",
               {"-c", "PATH=\"$0:$PATH\"; exec " + program + " " + command, GPTKIT_BIN_DIR});
  };
  const auto generated = fed("generate", "-q -m pre/model -n 2 --prompt-file <(echo Once)");
  EXPECT_EQ(generated.exit_code, 0) << generated.err;
  const auto trained = fed("pretrain",
                           "-q --threads 1 -c <(cat pretrain.yaml | sed \"s#: tok#: $PWD/tok#;"
                           "s#stories#$PWD/stories#\") --out piped -s train.max_steps=1");
  EXPECT_EQ(trained.exit_code, 0) << trained.err;
  const auto measured =
      fed("evaluate", "perplexity -q --model pre/model <(head -c 4000 stories.txt)");
  EXPECT_EQ(measured.exit_code, 0) << measured.err;
  // What is read twice says so.
  const auto shards = fed("tokenize", "encode -q --tokenizer tok --out shards <(cat stories.txt)");
  expect_failure(shards, 2, "tokenize", "reads its input twice");
}

}  // namespace
}  // namespace gptkit::test
