// convert: models from one format to another.
//   convert gpt2 gpt2.gguf --dtype q8_0
//   convert inspect model.gguf

#include "tasks/convert/convert.h"

#include <iostream>

#include "base/error.h"
#include "common/program.h"
#include "tasks/doctor/doctor.h"

namespace {

constexpr const char* kHelp =
    "Write a model in another format. IN is a Hugging Face folder, OpenAI's GPT-2 folder, a .gguf\n"
    "file, llm.c's .bin, or a name such as gpt2.\n\n"
    "  convert runs/mine/model mine.gguf             for llama.cpp\n"
    "  convert runs/mine/model mine.gguf --dtype q8_0\n"
    "  convert SmolLM2.Q4_1.gguf smollm2 --to hf     for transformers\n"
    "  convert gpt2 gpt2_124M.bin --to llmc          for llm.c\n"
    "  convert inspect mine.gguf                     what is in it";

}  // namespace

int main(int argc, char** argv) {
  std::string in, out, inspected;
  const auto convert = [&](const gptkit::ConvertConfig& config,
                           const gptkit::CommonOptions& common) {
    gptkit::require(!in.empty() && !out.empty(),
                    "name the model to read and the file or folder to write: convert IN OUT; see "
                    "--help");
    const auto written = gptkit::run_convert(config, in, out);
    std::cout << (common.json ? gptkit::dump_json(written) : written.at("path").get<std::string>())
              << '\n';
  };
  const auto inspect = [&](const gptkit::CommonOptions& common) {
    gptkit::require(in.empty(), "both '", in, "' and inspect; choose one");
    const auto found = gptkit::inspect_model(inspected);
    std::cout << (common.json ? gptkit::dump_json(found) + "\n" : gptkit::describe_model(found));
  };
  return gptkit::run_program(
      {"convert", kHelp, gptkit::version_details}, argc, argv, [&](gptkit::Program& program) {
        program.app().add_option("in", in, "the model to read")->type_name("PATH");
        program.app().add_option("out", out, "the folder or file to write")->type_name("PATH");
        program.configured<gptkit::ConvertConfig>(convert);
        program.plain_command("inspect", "Show what a model or a file of tensors holds.", inspect)
            .app->add_option("path", inspected, "folder, file or name")
            ->required()
            ->type_name("PATH");
      });
}
