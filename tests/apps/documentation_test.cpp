// What README, guide, --help and the comments of configs name exists: every path of the project,
// every command, its options and its settings.

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "base/files.h"
#include "support/run_program.h"
#include "support/support.h"

namespace gptkit::test {
namespace {

using Words = std::vector<std::string>;

const std::vector<Words> kCommands = {{"tokenize", "train"},
                                      {"tokenize", "encode"},
                                      {"tokenize", "decode"},
                                      {"tokenize", "count"},
                                      {"pretrain"},
                                      {"generate"},
                                      {"finetune-classify"},
                                      {"classify"},
                                      {"finetune-instruct"},
                                      {"evaluate", "perplexity"},
                                      {"evaluate", "few-shot"},
                                      {"convert"},
                                      {"convert", "inspect"}};

fs::path source() { return GPTKIT_SOURCE_DIR; }

struct Text {
  std::string name, content;
};

std::string help_of(const Words& command) {
  Words arguments(command.begin() + 1, command.end());
  arguments.push_back("--help");
  const auto result = run_program(command[0], arguments);
  EXPECT_EQ(result.exit_code, 0) << command[0] << ": " << result.err;
  return result.out;
}

/// Everything that is written for users.
const std::vector<Text>& texts() {
  static const auto all = [] {
    std::vector<Text> found;
    for (const char* name :
         {"README.md", "lib/README.md", ".github/CONTRIBUTING.md", "apps/quickstart.sh"}) {
      found.push_back({name, read_file(source() / name)});
    }
    for (const char* folder : {"configs", "apps/guide", "lib/doc"}) {
      if (!fs::exists(source() / folder)) continue;
      for (const auto& entry : fs::recursive_directory_iterator(source() / folder)) {
        const auto extension = entry.path().extension();
        if (extension != ".yaml" && extension != ".md") continue;
        found.push_back({entry.path().string(), read_file(entry.path())});
      }
    }
    for (const auto& command : kCommands) {
      found.push_back({command[0] + (command.size() > 1 ? " " + command[1] : "") + " --help",
                       help_of(command)});
    }
    return found;
  }();
  return all;
}

TEST(Documentation, EveryPathOfTheProjectExists) {
  const std::regex path(R"((^|[^\w./$}-])((?:configs|apps|lib|tests|third_party)/[\w./*-]*))");
  std::size_t seen = 0;
  for (const auto& [name, content] : texts()) {
    for (std::sregex_iterator it(content.begin(), content.end(), path), end; it != end; ++it) {
      std::string found = (*it)[2];
      found = found.substr(0, found.find('*'));
      while (!found.empty() && (found.back() == '.' || found.back() == '-')) found.pop_back();
      if (found.find("NAME") != std::string::npos) continue;  // NAME stands for any
      // `data/mixture` names a header and its source.
      const bool exists = fs::exists(source() / found) || fs::exists(source() / (found + ".h")) ||
                          fs::exists(source() / (found + ".cpp"));
      EXPECT_TRUE(exists) << name << " names " << found;
      ++seen;
    }
  }
  EXPECT_GT(seen, 40u);
}

TEST(Documentation, EveryLinkBetweenPagesLeadsToOne) {
  const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))");
  std::size_t seen = 0;
  for (const auto& [name, content] : texts()) {
    if (!name.ends_with(".md")) continue;
    const auto folder = (source() / name).parent_path();
    for (std::sregex_iterator it(content.begin(), content.end(), link), end; it != end; ++it) {
      EXPECT_TRUE(fs::exists(folder / (*it)[1].str())) << name << " links to " << (*it)[1];
      ++seen;
    }
  }
  EXPECT_GT(seen, 15u);
}

/// A command line as the shell cuts it, up to a pipe, a redirection or, after a gap, a remark.
Words words_of(const std::string& line) {
  Words words;
  std::string word;
  bool open = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' || c == '\'') {
      const auto end = line.find(c, i + 1);
      if (end == line.npos) return {};  // a quote over two lines of prose
      word += line.substr(i + 1, end - i - 1);
      i = end;
      open = true;
    } else if (c == ' ' || c == '\n') {
      if (!open) break;
      words.push_back(word);
      word.clear();
      open = false;
    } else if (c == '|' || c == '>' || c == '<' || c == '&' || c == '#' || c == ';') {
      break;
    } else {
      word += c;
      open = true;
    }
  }
  if (open) words.push_back(word);
  return words;
}

/// Joins lines that end in a backslash and takes the marks of comments away.
std::string joined_lines(const std::string& content) {
  std::istringstream lines(content);
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    const auto begin = line.find_first_not_of("# ");
    const bool goes_on = begin != line.npos && line.substr(begin).starts_with("--");
    if (goes_on && all.ends_with('\n')) all.back() = ' ';
    all += begin == line.npos ? "" : line.substr(begin);
    if (all.ends_with('\\')) {
      all.pop_back();
      while (all.ends_with(' ')) all.pop_back();
      all += ' ';
    } else {
      all += '\n';
    }
  }
  return all;
}

/// The commands of a text: whole lines, and what stands between backticks.
std::set<Words> commands_in(const std::string& content) {
  std::set<Words> commands;
  const auto add = [&](std::string line) {
    constexpr std::string_view kBin = "build/release/bin/";
    if (line.starts_with("$ ")) line.erase(0, 2);
    if (line.starts_with(kBin)) line.erase(0, kBin.size());
    const auto words = words_of(line);
    if (words.size() < 2) return;
    for (const auto& command : kCommands) {
      if (words.size() > command.size() &&
          std::equal(command.begin(), command.end(), words.begin())) {
        commands.insert(words);
      }
    }
  };
  std::istringstream lines(joined_lines(content));
  for (std::string line; std::getline(lines, line);) add(line);
  const std::regex quoted("`([^`]+)`");
  for (std::sregex_iterator it(content.begin(), content.end(), quoted), end; it != end; ++it) {
    add((*it)[1]);
  }
  return commands;
}

/// A command that is described, not written out ("convert keeps the numbers ...").
bool is_prose(const Words& words) {
  return std::none_of(words.begin(), words.end(), [](const std::string& word) {
    return word.starts_with("-") || word.find_first_of("./") != word.npos;
  });
}

TEST(Documentation, EveryCommandHasItsOptionsAndSettings) {
  std::size_t seen = 0;
  for (const auto& [name, content] : texts()) {
    for (auto words : commands_in(content)) {
      std::erase(words, "...");
      if (is_prose(words)) continue;
      const bool inspects = words.size() > 1 && words[0] == "convert" && words[1] == "inspect";
      const bool shows = std::any_of(words.begin(), words.end(), [](const std::string& word) {
        return word == "--help" || word == "--version" || word == "--print-config";
      });
      if (!shows) words.push_back(inspects ? "--help" : "--print-config");
      const auto result =
          run_program(words[0], {words.begin() + 1, words.end()}, {.folder = source()});
      EXPECT_EQ(result.exit_code, 0)
          << name << ": " << testing::PrintToString(words) << ": " << result.err;
      ++seen;
    }
  }
  EXPECT_GT(seen, 40u);
}

}  // namespace
}  // namespace gptkit::test
