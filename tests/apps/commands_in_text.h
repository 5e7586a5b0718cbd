#pragma once
// The commands that a text for users shows.

#include <algorithm>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace gptkit::test {

using Words = std::vector<std::string>;

inline const std::vector<Words> kCommands = {{"tokenize", "train"},
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
                                             {"evaluate", "formats"},
                                             {"convert"},
                                             {"convert", "inspect"},
                                             {"doctor"},
                                             {"gptkit"}};

/// A command line as the shell cuts it, up to a pipe, a redirection or, after a gap, a remark.
inline Words words_of(const std::string& line) {
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
inline std::string joined_lines(const std::string& content) {
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
inline std::set<Words> commands_in(const std::string& content) {
  std::set<Words> commands;
  const auto add = [&](std::string line) {
    constexpr std::string_view kBin = "build/release/bin/";
    if (line.starts_with("$ ")) line.erase(0, 2);
    if (line.starts_with(kBin)) line.erase(0, kBin.size());
    if (line.starts_with("gptkit ")) line.erase(0, 7);
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
  const auto prose = std::regex_replace(content, std::regex("```[a-z]*"), "");
  const std::regex quoted("`([^`]+)`");
  for (std::sregex_iterator it(prose.begin(), prose.end(), quoted), end; it != end; ++it) {
    add((*it)[1]);
  }
  return commands;
}

}  // namespace gptkit::test
