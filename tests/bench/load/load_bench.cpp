// load_bench MODEL: seconds to load a model and what that adds to the peak of resident memory, as
// one JSON object. Run it twice: the first time may read the disk.

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "weights/bundle.h"
#include "weights/hugging_face_names.h"

namespace {

/// A line of /proc/self/status in bytes.
double memory(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key)) return std::stod(line.substr(key.size() + 1)) * 1024;
  }
  return 0;
}

/// What --model costs without the tokenizer, which has its own benchmark.
gptkit::GPT load(const std::string& path) {
  const auto source = gptkit::open_model(path);
  gptkit::GPT model(source.config);
  gptkit::load_from_hugging_face(model, source.tensors);
  return model;
}

}  // namespace

int main(int argc, char** argv) {
  ::setenv("THP_MEM_ALLOC_ENABLE", "1", /*overwrite=*/0);  // as the programs do
  try {
    gptkit::require(argc == 2, "usage: load_bench MODEL");
    const double before = memory("VmRSS:");
    const auto begin = std::chrono::steady_clock::now();
    const auto model = load(argv[1]);
    const auto end = std::chrono::steady_clock::now();
    const double added = memory("VmHWM:") - before;
    const auto bytes = 4.0 * static_cast<double>(gptkit::parameter_count(model->config()));
    const gptkit::OrderedJson figures = {
        {"seconds", std::chrono::duration<double>(end - begin).count()},
        {"peak_mb", added / 1e6},
        {"model_mb", bytes / 1e6}};
    std::cout << gptkit::dump_json(figures) << '\n';
  } catch (const std::exception& error) {
    std::cerr << "load_bench: " << error.what() << '\n';
    return 1;
  }
}
