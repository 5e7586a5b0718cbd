// What README, guide, --help and the comments of configs name exists: every path of the project,
// every command, its options and its settings.

#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "base/files.h"
#include "commands_in_text.h"
#include "support/run_program.h"
#include "support/support.h"

namespace gptkit::test {
namespace {

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

/// A command that is described, not written out ("convert keeps the numbers ...").
bool is_prose(const Words& words) {
  return std::none_of(words.begin(), words.end(), [](const std::string& word) {
    return word.starts_with("-") || word.find_first_of("./") != word.npos;
  });
}

/// Without the dots that stand for what is left out. Behind an option they are its value.
Words without_gaps(const Words& words) {
  Words kept;
  for (const auto& word : words) {
    if (word != "..." || kept.back().starts_with("-")) kept.push_back(word);
  }
  return kept;
}

TEST(Documentation, EveryCommandHasItsOptionsAndSettings) {
  std::size_t seen = 0;
  for (const auto& [name, content] : texts()) {
    for (auto words : commands_in(content)) {
      words = without_gaps(words);
      if (is_prose(words)) continue;
      const bool has_no_settings =
          words[0] == "doctor" ||
          (words.size() > 1 && words[0] == "convert" && words[1] == "inspect");
      const bool shows = std::any_of(words.begin(), words.end(), [](const std::string& word) {
        return word == "--help" || word == "--version" || word == "--print-config";
      });
      if (!shows) words.push_back(has_no_settings ? "--help" : "--print-config");
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
