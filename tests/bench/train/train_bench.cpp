// Times training steps of one model shape on random tokens: forward, loss, backward, clipping,
// AdamW. Prints one JSON object; compare.py runs the peers beside it.
//   train_bench --layers 12 --heads 12 --width 768 --vocab 50257 --batch 4 --context 256 --steps 8
//   --bfloat16 1

#include <sys/resource.h>
#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "models/init.h"
#include "tasks/training/language_model_objective.h"
#include "tensors/device.h"
#include "tensors/precision.h"
#include "train/optimizer.h"

int main(int argc, char** argv) {
  std::map<std::string, int64_t> options = {{"--layers", 12},  {"--heads", 12},
                                            {"--width", 768},  {"--vocab", 50257},
                                            {"--batch", 4},    {"--context", 256},
                                            {"--steps", 8},    {"--threads", 0},
                                            {"--bfloat16", 0}, {"--activation-checkpointing", 0}};
  for (int i = 1; i + 1 < argc; i += 2) {
    if (!options.contains(argv[i])) {
      std::cerr << "train_bench: unknown option " << argv[i] << '\n';
      return 2;
    }
    options[argv[i]] = std::stoll(argv[i + 1]);
  }
  gptkit::set_threads(static_cast<int>(options["--threads"]));
  torch::manual_seed(1);
  const int64_t B = options["--batch"], T = options["--context"];
  gptkit::GPT model(gptkit::ModelConfig{.vocab_size = options["--vocab"],
                                        .context_length = T,
                                        .n_layer = options["--layers"],
                                        .n_head = options["--heads"],
                                        .d_model = options["--width"]});
  gptkit::initialize_(model);
  gptkit::AdamW optimizer(*model, {});
  model->set_activation_checkpointing(options["--activation-checkpointing"] != 0);
  const auto precision =
      options["--bfloat16"] != 0 ? gptkit::Precision::kBFloat16 : gptkit::Precision::kFloat32;

  std::vector<double> seconds;
  double loss = 0;
  for (int64_t step = 0; step < options["--steps"] + 2; ++step) {  // two to warm up
    const auto ids = torch::randint(options["--vocab"], {B * T}, torch::kInt64);
    const int64_t* data = ids.const_data_ptr<int64_t>();
    gptkit::Batch batch{B, T, {data, data + B * T}, {data, data + B * T}, {}, {}};
    const auto begin = std::chrono::steady_clock::now();
    optimizer.zero_grad();
    const auto value = [&] {
      const gptkit::PrecisionScope scope(precision, model->device());
      return gptkit::language_model_loss(model, batch);
    }();
    value.backward();
    const double norm = gptkit::gradient_norm(optimizer);
    optimizer.step(1e-4, gptkit::clipping_divisor(norm, 1.0));
    loss = value.item<double>();
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
    if (step >= 2) seconds.push_back(spent.count());
  }
  std::sort(seconds.begin(), seconds.end());
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::cout << "{\"tokens_per_second\": "
            << static_cast<double>(B * T) / seconds[seconds.size() / 2]
            << ", \"peak_mb\": " << static_cast<double>(usage.ru_maxrss) / 1000
            << ", \"loss\": " << loss << "}\n";
}
