#include "common/programs.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "base/error.h"

namespace gptkit {

namespace fs = std::filesystem;

namespace {

/// Beside an installed gptkit stand foreign programs, among them other ones called `convert`: only
/// in a build tree are those beside it ours.
fs::path program_folder() {
  auto here = fs::read_symlink("/proc/self/exe").parent_path();
  if (fs::exists(here.parent_path() / "CMakeCache.txt")) return here;
  return (here / GPTKIT_PROGRAMS_FROM_BIN).lexically_normal();
}

}  // namespace

const std::vector<InstalledProgram>& all_programs() {
  static const std::vector<InstalledProgram> kPrograms = {
      {"tokenize", "learn a tokenizer, convert text to token ids and back"},
      {"pretrain", "train a GPT on text, from scratch or from a model"},
      {"generate", "continue a prompt, or answer it with --chat"},
      {"finetune-classify", "train a text classifier from a pretrained GPT"},
      {"classify", "label texts, and explain the labels"},
      {"finetune-instruct", "train an assistant from a pretrained GPT"},
      {"evaluate", "measure a model: perplexity, few-shot accuracy"},
      {"convert", "write a model in another format, or show what is in it"},
      {"doctor", "print what a bug report needs: versions, processor, kernels, memory"}};
  return kPrograms;
}

std::vector<InstalledProgram> installed_programs() {
  std::vector<InstalledProgram> found;
  for (const auto& program : all_programs()) {
    if (fs::exists(program_folder() / program.name)) found.push_back(program);
  }
  return found;
}

void become_program(const std::string& name, std::vector<std::string> arguments) {
  const auto path = program_folder() / name;
  arguments.insert(arguments.begin(), "gptkit " + name);
  std::vector<char*> pointers;
  for (auto& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  std::cout.flush();
  ::execv(path.c_str(), pointers.data());
  fail("cannot run ", path.string(), ": ", std::strerror(errno), "; install gptkit again");
}

std::string output_of_program(const std::string& name, const std::string& arguments) {
  const auto path = program_folder() / name;
  std::FILE* const pipe = ::popen(("'" + path.string() + "' " + arguments).c_str(), "r");
  require(pipe != nullptr, "cannot run ", path.string(), ": ", std::strerror(errno));
  std::string text;
  std::array<char, 4096> buffer;
  while (const auto n = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    text.append(buffer.data(), n);
  }
  require(::pclose(pipe) == 0, "cannot run ", path.string(), " ", arguments);
  return text;
}

}  // namespace gptkit
