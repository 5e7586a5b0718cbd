#pragma once
// A model folder as one unit: weights, configuration, tokenizer, in Hugging Face's layout.
// https://huggingface.co/docs/transformers/main_classes/model#transformers.PreTrainedModel

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "model/classifier.h"
#include "model/gpt.h"
#include "text/prompt.h"
#include "text/tokenizer.h"

namespace gptkit {

/// A language model with its tokenizer.
struct LanguageModel {
  GPT gpt{nullptr};
  std::shared_ptr<const Tokenizer> tokenizer;
  PromptStyle prompt_style = PromptStyle::kPlain;  ///< what it was finetuned on, if anything
};

/// A text classifier with its tokenizer, labels and how its inputs were cut and padded.
struct TextClassifier {
  Classifier classifier{nullptr};
  std::shared_ptr<const Tokenizer> tokenizer;
  std::vector<std::string> labels;
  int64_t max_tokens = 0;  ///< longer texts are cut; last_position pooling pads to it
  TokenId pad_id = 0;
};

/// The folder of a model given as a folder or as a name (`gpt2` ...) below $GPTKIT_HOME; fails with
/// the command that would fetch it.
fs::path model_folder(const std::string& name_or_path);

/// Opens a folder; the model is in evaluation mode, in float32, on the CPU. Weights that are not
/// finite are refused naming the tensor. `dropout` is for training it further.
LanguageModel load_language_model(const std::string& name_or_path, double dropout = 0);
/// `gpt2`-like folders open as a language model only: this needs `score.weight`.
TextClassifier load_text_classifier(const std::string& name_or_path);

/// Writes into an existing folder (see AtomicDirectory) config.json, model.safetensors,
/// generation_config.json and the tokenizer's files.
void save_language_model(const fs::path& folder, const LanguageModel& model);
/// The same as GPT2ForSequenceClassification. That class has no bias on its head: a bias of ours is
/// folded into the final norm's bias, which gives the same logits up to rounding.
void save_text_classifier(const fs::path& folder, const TextClassifier& model);

}  // namespace gptkit
