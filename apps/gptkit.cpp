// gptkit: the one installed name; `gptkit generate ...` becomes the program `generate`.
//   gptkit --help

#include <iostream>

#include "base/config/spelling.h"
#include "base/error.h"
#include "base/strings.h"
#include "common/documentation.h"
#include "common/programs.h"
#include "common/run_app.h"
#include "common/version.h"

namespace {
using namespace gptkit;
using Arguments = std::vector<std::string>;

constexpr const char* kExamples =
    "\n`gptkit PROGRAM --help` shows a program's options and examples. A first model:\n"
    "  gptkit tokenize train --algorithm bpe --vocab-size 2000 --out my-tokenizer my-text.txt\n"
    "  gptkit pretrain --out runs/mine -s data.train=my-text.txt -s tokenizer=my-tokenizer\n"
    "  gptkit generate --model runs/mine/model --prompt \"Once upon a time\" --temperature 0.8\n";

std::string help() {
  std::string text =
      "Train, finetune and use GPT-style language models.\nUsage: gptkit PROGRAM [OPTIONS]\n\n"
      "Programs:\n";
  for (const auto& [name, line] : installed_programs()) {
    text.append("  ").append(name).append(20 - name.size(), ' ').append(line).append("\n");
  }
  return text + kExamples;
}

void print_version() {
  std::cout << "gptkit " << version() << "\ncommit     " << commit() << std::endl;
  for (const auto& program : installed_programs()) {
    if (program.name == "doctor") become_program("doctor", {"--build"});
  }
}

/// The parts of all programs, and what chooses among them.
std::string completion(const std::string& shell) {
  require(shell == "bash" || shell == "zsh", "--completion: expected bash or zsh, found '",
          printable(shell), "'");
  std::string text = shell == "zsh" ? "#compdef gptkit\n" : bash_helpers();
  for (const auto& program : installed_programs()) {
    text += output_of_program(program.name, "--completion " + shell + "-part");
  }
  return text + (shell == "zsh" ? zsh_dispatch() : bash_dispatch());
}

void run_named(const std::string& name, Arguments arguments) {
  Arguments names;
  for (const auto& program : installed_programs()) names.push_back(program.name);
  if (std::find(names.begin(), names.end(), name) != names.end()) {
    become_program(name, std::move(arguments));
  }
  const auto meant = nearest_word(name, names);
  const std::string kind = name.starts_with('-') ? "option " : "program ";
  fail("unknown ", kind, "'", printable(name), "'",
       meant.empty() ? "" : " (did you mean " + meant + "?)", "; see gptkit --help");
}

void run_gptkit(const Arguments& arguments) {
  const auto first = arguments.empty() ? "--help" : arguments[0];
  const auto second = arguments.size() > 1 ? arguments[1] : "";
  if (first == "--help" || first == "-h" || (first == "help" && second.empty())) {
    std::cout << help();
  } else if (first == "help") {
    run_named(second, {"--help"});
  } else if (first == "--version") {
    print_version();
  } else if (first == "--completion") {
    std::cout << completion(second);
  } else if (first == "--man") {
    std::cout << man_of_gptkit(version());
  } else {
    run_named(first, {arguments.begin() + 1, arguments.end()});
  }
}

}  // namespace

int main(int argc, char** argv) {
  return run_app("gptkit", [&] { run_gptkit({argv + std::min(argc, 1), argv + argc}); });
}
