// Trains a small language model on a text file.
//   train stories.txt my-tokenizer runs/mine
#include <gptkit/error.h>
#include <gptkit/log.h>
#include <gptkit/training.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: train TEXT-FILE TOKENIZER RUN-FOLDER\n";
    return 2;
  }
  gptkit::set_log_level(gptkit::LogLevel::kWarnings);

  // The keys are those of the YAML files; `gptkit pretrain --print-config` lists them.
  gptkit::TrainingRequest request;
  request.settings = {
      {"data.train", argv[1]},    {"tokenizer", argv[2]},          {"model.n_layer", "2"},
      {"model.n_head", "2"},      {"model.d_model", "32"},         {"model.context_length", "64"},
      {"train.max_steps", "20"},  {"train.micro_batch_size", "4"}, {"train.lr", "3e-3"},
      {"train.eval_every", "10"}, {"train.checkpoint_every", "0"}};
  request.out = argv[3];
  request.overwrite = true;
  try {
    const auto result = gptkit::pretrain(request);
    std::cout << result.steps << " steps, " << result.tokens << " tokens\n";
    for (const auto& [name, value] : result.metrics) std::cout << name << ' ' << value << '\n';
    std::cout << "model " << result.model.string() << '\n';

    // A wrong key is refused by its name.
    request.settings.push_back({"train.learning_rate", "1"});
    gptkit::pretrain(request);
    return 1;
  } catch (const gptkit::Error& error) {
    std::cerr << error.what() << '\n';
    return error.key() == "train.learning_rate" ? 0 : 1;
  }
}
