// Finetunes a language model into a classifier of messages.
//   train_classifier runs/mine/model messages.tsv runs/spam
#include <gptkit/error.h>
#include <gptkit/log.h>
#include <gptkit/training.h>

#include <iostream>

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: train_classifier MODEL LABELLED-FILE RUN-FOLDER\n";
    return 2;
  }
  gptkit::set_log_level(gptkit::LogLevel::kWarnings);

  gptkit::TrainingRequest request;
  request.settings = {{"model", argv[1]},
                      {"data.train", argv[2]},
                      {"data.text_column", "text"},
                      {"data.label_column", "label"},
                      {"classifier.max_tokens", "32"},
                      {"train.epochs", "1"},
                      {"train.micro_batch_size", "8"},
                      {"train.lr", "1e-3"}};
  request.out = argv[3];
  request.overwrite = true;
  try {
    const auto result = gptkit::finetune_classifier(request);
    for (const auto& [name, value] : result.metrics) std::cout << name << ' ' << value << '\n';
    std::cout << "model " << result.model.string() << '\n';
    return 0;
  } catch (const gptkit::Stopped& stopped) {
    std::cerr << stopped.what() << "; set request.resume to continue\n";
    return 128 + stopped.signal();
  } catch (const gptkit::Error& error) {
    std::cerr << "train_classifier: " << error.what() << '\n';
    return 2;
  }
}
