// convert: models from one format to another.
//   convert gpt2 gpt2.gguf --dtype q8_0
//   convert inspect model.gguf

#include "tasks/convert/convert.h"

#include <iostream>

#include "base/error.h"
#include "common/cli.h"
#include "common/settings.h"

namespace {

constexpr const char* kHelp =
    "Write a model in another format. IN is anything that --model takes: a Hugging Face folder, "
    "OpenAI's GPT-2 folder, a .gguf file, llm.c's .bin, or a name such as gpt2.\n\n"
    "  convert runs/mine/model mine.gguf             for llama.cpp\n"
    "  convert runs/mine/model mine.gguf --dtype q8_0\n"
    "  convert SmolLM2.Q4_1.gguf smollm2 --to hf     for transformers\n"
    "  convert gpt2 gpt2_124M.bin --to llmc          for llm.c\n"
    "  convert inspect mine.gguf                     what is in it";

}  // namespace

int main(int argc, char** argv) {
  return gptkit::run_app("convert", [&] {
    gptkit::CommonOptions common;
    std::vector<gptkit::ConfigOverride> typed;
    std::string in, out, inspected;
    CLI::App app(kHelp, "convert");
    app.add_option("in", in, "the model to read")->type_name("IN");
    app.add_option("out", out, "the folder or file to write")->type_name("OUT");
    gptkit::add_config_options(app, common);
    gptkit::add_settings(app, gptkit::ConvertConfig{}, typed);
    auto* inspect = app.add_subcommand("inspect", "Show what a model or a file of tensors holds.");
    inspect->add_option("path", inspected, "folder, file or name")->required()->type_name("PATH");
    gptkit::add_basic_options(*inspect, common);
    gptkit::parse(app, argc, argv);

    if (inspect->parsed()) {
      gptkit::require(in.empty(), "both '", in, "' and inspect; choose one");
      const auto found = gptkit::inspect_model(inspected);
      std::cout << (common.json ? gptkit::dump_json(found) + "\n" : gptkit::describe_model(found));
      return;
    }
    const auto config = gptkit::typed_config<gptkit::ConvertConfig>(common, typed);
    if (!config) return;
    gptkit::require(!in.empty() && !out.empty(),
                    "name the model to read and the file or folder to ",
                    "write: convert IN OUT; see --help");
    const auto written = gptkit::run_convert(*config, in, out);
    if (common.json) {
      std::cout << gptkit::dump_json(written) << '\n';
    } else {
      std::cout << written.at("path").get<std::string>() << '\n';
    }
  });
}
