#pragma once
// Small models that the public functions made themselves, and errors by message.

#include <fstream>

#include "gptkit/error.h"
#include "gptkit/log.h"
#include "gptkit/tokenizer_training.h"
#include "gptkit/training.h"
#include "support/support.h"

namespace gptkit::api {

using test::ScratchFolder;
namespace fs = std::filesystem;

/// Runs `body` and expects an Error whose message contains `part`.
template <class Body>
void expect_error(Body&& body, const std::string& part) {
  try {
    body();
    ADD_FAILURE() << "expected an error containing: " << part;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(part));
  }
}

inline void write_text(const fs::path& path) {
  std::ofstream file(path);
  for (int i = 0; i < 60; ++i) file << "The " << i << ". lamp of the lighthouse burns at night.\n";
}

inline void write_messages(const fs::path& path) {
  std::ofstream file(path);
  file << "label\ttext\n";
  for (int i = 0; i < 20; ++i) {
    file << "spam\tWin prize number " << i << " now\nham\tSee you at " << i << " for lunch\n";
  }
}

/// A tokenizer and a language model of a few thousand parameters, two steps old.
class TinyModel : public testing::Test {
 protected:
  TinyModel() {
    set_log_level(LogLevel::kWarnings);
    write_text(folder / "text.txt");
    train_tokenizer({folder / "text.txt"}, folder / "tokenizer", {.vocab_size = 300});
    result = pretrain(request());
  }

  TrainingRequest request() const {
    TrainingRequest wanted;
    wanted.settings = {{"data.train", (folder / "text.txt").string()},
                       {"tokenizer", (folder / "tokenizer").string()},
                       {"model.n_layer", "1"},
                       {"model.n_head", "2"},
                       {"model.d_model", "16"},
                       {"model.context_length", "32"},
                       {"train.max_steps", "2"},
                       {"train.micro_batch_size", "2"},
                       {"device", "cpu"}};
    wanted.out = folder / "run";
    wanted.threads = 1;
    return wanted;
  }
  std::string model() const { return (folder / "run" / "model").string(); }

  ScratchFolder folder;
  TrainingResult result;
};

}  // namespace gptkit::api
