// Every command that README and guide show runs, with a tiny model in the place of the published
// ones and two training steps, or stands in kNotRun with its reason.

#include <fstream>

#include "commands_in_text.h"
#include "tiny_run.h"

namespace gptkit::test {
namespace {

struct NotRun {
  std::string_view part;  // of the command
  std::string_view reason;
};

const NotRun kNotRun[] = {
    {"bash apps/quickstart.sh", "takes minutes"},
    {"bash tests/run.sh", "runs these tests"},
    {"source <(gptkit --completion", "tests/apps/gptkit_test.cpp completes with it"},
    {"bash third_party/setup.sh", "downloads; tests/setup runs it with a local mirror"},
    {"python tests/golden/differential.py", "needs Python; tests/apps/differential_test.cpp"},
    {"cmake ", "builds; tests/consumer does"},
    {"ctest ", "runs these tests"},
    {"build/release/bin/book_figures", "takes minutes; tests/book"},
    {"configs/book/", "takes minutes with a downloaded model; tests/book"},
    {"torchrun ", "needs Python; tests/apps/distributed_test.cpp starts the processes itself"},
    {"spam-smollm2.yaml", "needs a downloaded model"},
    {"gpt-2/models/124M", "needs a download; tests/weights opens such a folder"},
    {"gpt2_124M.bin", "needs GPT-2's vocabulary; tests/weights opens and writes such files"},
    {"--shots", "a tiny model has no room for the examples; tests/tasks/evaluate"},
    {"smollm2-messages.yaml", "needs a downloaded model"},
    {"path/to/adapter", "an adapter of a language model comes from PEFT; tests/weights"},
};

std::string text_of(const Words& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

bool is_not_run(const std::string& command) {
  return std::any_of(std::begin(kNotRun), std::end(kNotRun),
                     [&](const NotRun& one) { return command.find(one.part) != command.npos; });
}

/// README and the pages of the guide.
std::vector<fs::path> pages() {
  const fs::path source = GPTKIT_SOURCE_DIR;
  std::vector<fs::path> all = {source / "README.md"};
  for (const auto& entry : fs::directory_iterator(source / "apps" / "guide")) {
    if (entry.path().extension() == ".md") all.push_back(entry.path());
  }
  std::sort(all.begin() + 1, all.end());
  return all;
}

/// The lines of the blocks that a person types into a shell.
std::vector<std::string> shell_lines(const std::string& page) {
  std::vector<std::string> lines;
  std::istringstream text(joined_lines(page));
  bool shell = false;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("```")) {
      shell = line == "```sh";
    } else if (shell && !line.empty()) {
      lines.push_back(line);
    }
  }
  return lines;
}

/// A folder in which the files and models are that the pages name.
class GuideTest : public TinyRun {
 protected:
  static void SetUpTestSuite() {
    TinyRun::SetUpTestSuite();
    const fs::path source = GPTKIT_SOURCE_DIR;
    fs::copy(source / "configs", folder() / "configs", fs::copy_options::recursive);
    for (const char* name : {"my-text.txt", "book.txt"}) {
      fs::copy_file(folder() / "stories.txt", folder() / name);
    }
    for (const char* name : {"messages.tsv", "my-messages.tsv"}) copy_head("messages.tsv", name);
    fs::copy_file(source / "configs/quickstart/instructions.json", folder() / "instructions.json");
    file("prompts.jsonl", "{\"prompt\": \"The sea\"}\n{\"prompt\": \"The sea was\"}\n");
    file("person.json",
         R"({"type": "object", "properties": {"name": {"type": "string", "maxLength": 9}}})");
    file("pages.jsonl", "{\"text\": \"" + std::string(300, 'a') + "\"}\n");
    fs::create_directories(folder() / "runs/quickstart");
    const auto made = pretrain("long", {"--set", "model.context_length=256"});  // room for a chat
    ASSERT_EQ(made.exit_code, 0) << made.err;
    for (const char* name : {"runs/quickstart/tokenizer", "runs/my-tokenizer"}) copy("tok", name);
    for (const char* name : {"runs/mine", "runs/quickstart/pretrain"}) copy("long", name);
    for (const char* name : {"home/gpt2", "path/to/folder"}) copy("long/model", name);
    make_finetuned();
  }

  static void make_finetuned() {
    const auto spam =
        run("finetune-classify",
            {"-q", "--threads", "1", "--model", "long/model", "--out", "runs/spam", "--set",
             "lora.rank=2", "--set", "data.train=messages.tsv", "--set", "train.max_steps=1"});
    ASSERT_EQ(spam.exit_code, 0) << spam.err;
    for (const char* name : {"runs/mail", "runs/quickstart/classify"}) copy("runs/spam", name);
    const auto assistant =
        run("finetune-instruct", {"-q", "--threads", "1", "--model", "long/model", "--out",
                                  "runs/assistant", "--set", "data.train=instructions.json",
                                  "--set", "train.max_steps=1", "--set", "responses.count=0"});
    ASSERT_EQ(assistant.exit_code, 0) << assistant.err;
    copy("runs/assistant/model", "home/smollm2-135m-instruct");
    const auto gguf = run("convert", {"-q", "runs/assistant/model",
                                      "SmolLM2-135M-Instruct.Q4_1.gguf", "--dtype", "float32"});
    ASSERT_EQ(gguf.exit_code, 0) << gguf.err;
    fs::copy_file(folder() / "SmolLM2-135M-Instruct.Q4_1.gguf", folder() / "model.gguf");
  }

  static void copy(const char* from, const char* to) {
    fs::create_directories((folder() / to).parent_path());
    fs::copy(folder() / from, folder() / to, fs::copy_options::recursive);
  }
  /// The first rows of a sample file.
  static void copy_head(const char* from, const char* to) {
    std::ifstream in(quickstart(from));
    std::string rows, row;
    for (int i = 0; i < 60 && std::getline(in, row); ++i) rows += row + '\n';
    file(to, rows);
  }

  /// The command as it is shown, made short: two steps, a tiny network, results replaced.
  static Words made_short(Words words) {
    for (auto& word : words) {
      if (word == "PATH") word = "model.gguf";
      if (word == "DIR") word = "runs/shards";
    }
    const auto has = [&](const char* option) {
      return std::find(words.begin(), words.end(), option) != words.end();
    };
    const bool trains = words[0] == "pretrain" || words[0].starts_with("finetune-");
    const bool writes = trains || (words[0] == "tokenize" && words[1] == "train") ||
                        (words[0] == "convert" && words[1] != "inspect");
    if (writes && !has("--resume") && !has("--overwrite")) words.push_back("--overwrite");
    const auto set = [&](const std::string& setting) {
      words.insert(words.end(), {"--set", setting});
    };
    if (trains && !has("--resume")) set("train.max_steps=2");
    if (words[0] == "pretrain" && !has("--resume")) set("model.d_model=16");
    if (words[0] == "finetune-instruct") set("responses.count=1");
    return words;
  }
};

/// A part of a command, as in "`generate --chat` answers": options without what they need.
bool is_fragment(const Words& words) {
  if (words[1] == "...") return true;
  const std::string all = text_of(words);
  const auto has = [&](const char* part) { return all.find(part) != all.npos; };
  if (words[0] == "pretrain" || words[0].starts_with("finetune-")) {
    return !has(" -c ") && !has("data.train=") && !has("--resume");
  }
  return !has("--model ") && !has(".") && !has("/");
}

/// In the order in which they work: a tokenizer before the model that uses it.
std::vector<Words> in_order(const std::set<Words>& commands) {
  std::vector<Words> all(commands.begin(), commands.end());
  std::stable_partition(all.begin(), all.end(),
                        [](const Words& words) { return words[0] == "tokenize"; });
  return all;
}

TEST_F(GuideTest, EveryCommandRunsOrHasItsReason) {
  std::set<std::string> seen;
  for (const auto& page : pages()) {
    const auto content = read_file(page);
    for (const auto& words : in_order(commands_in(content))) {
      const auto command = text_of(words);
      if (is_not_run(command) || is_fragment(words) || !seen.insert(command).second) continue;
      const auto shortened = made_short(words);
      const auto result = run(shortened[0], {shortened.begin() + 1, shortened.end()},
                              {.environment = {{"GPTKIT_HOME", (folder() / "home").string()}}});
      EXPECT_EQ(result.exit_code, 0) << page << ": " << text_of(shortened) << "\n" << result.err;
    }
  }
  EXPECT_GT(seen.size(), 15u) << testing::PrintToString(seen);
}

TEST_F(GuideTest, EveryShellLineIsOneOfOurCommandsOrHasItsReason) {
  std::size_t lines = 0;
  for (const auto& page : pages()) {
    for (const auto& line : shell_lines(read_file(page))) {
      const auto words = words_of(line);
      const bool ours = !words.empty() &&
                        std::any_of(kCommands.begin(), kCommands.end(),
                                    [&](const Words& command) { return command[0] == words[0]; });
      EXPECT_TRUE(ours || is_not_run(line) || line.starts_with("export ") ||
                  line.starts_with("home="))
          << page << ": " << line;
      ++lines;
    }
  }
  EXPECT_GT(lines, 20u);
}

TEST_F(GuideTest, EveryReasonIsNeeded) {
  std::string all;
  for (const auto& page : pages()) all += read_file(page);
  for (const auto& one : kNotRun) EXPECT_NE(all.find(one.part), all.npos) << one.part;
}

}  // namespace
}  // namespace gptkit::test
