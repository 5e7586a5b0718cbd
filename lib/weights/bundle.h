#pragma once
// A model as one unit: weights, configuration, tokenizer. Loaded from any format that
// weights/model_source.h opens, saved as a folder in Hugging Face's layout.
// https://huggingface.co/docs/transformers/main_classes/model#transformers.PreTrainedModel

#include <array>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/files.h"
#include "chat/chat_format.h"
#include "models/decoding_model.h"
#include "models/gpt.h"
#include "models/heads/classifier.h"
#include "nn/lora.h"
#include "text/token_roles.h"
#include "text/tokenizer.h"
#include "text/truncate.h"
#include "weights/model_source.h"

namespace gptkit {

/// How text becomes a model's tokens and its tokens text.
struct ModelText {
  std::shared_ptr<const Tokenizer> tokenizer;
  TokenRoles roles = {};           ///< which tokens begin, end and pad its texts
  std::string chat_template = {};  ///< Jinja, as it is saved with the model; empty: none
  std::shared_ptr<const ChatFormat> chat = {};  ///< from the template; null: no chat
  std::string chat_problem = {};                ///< why the template cannot be used
  std::string where = {};                       ///< where it was opened, for messages
};

/// A language model with its tokenizer.
struct LanguageModel : ModelText {
  GPT gpt{nullptr};
};

/// One that only decodes (models/decoding_model.h).
struct DecodingBundle : ModelText {
  std::unique_ptr<DecodingModel> model;
};

/// The meaning of the class head's outputs: transformers' `problem_type`.
enum class ProblemType {
  kSingleLabel,  ///< one label per text: softmax
  kMultiLabel,   ///< independent labels, a sigmoid each; also a head with one output
  kRegression,   ///< unchanged values
};
constexpr auto enum_names(ProblemType) {
  return std::array{std::pair{"single_label_classification", ProblemType::kSingleLabel},
                    std::pair{"multi_label_classification", ProblemType::kMultiLabel},
                    std::pair{"regression", ProblemType::kRegression}};
}

/// A text classifier with its tokenizer, its labels, and the truncation and padding of its inputs.
struct TextClassifier {
  Classifier classifier{nullptr};
  std::shared_ptr<const Tokenizer> tokenizer;
  TokenRoles roles = {};
  std::vector<std::string> labels;
  int64_t max_tokens = 0;  ///< longer texts are cut; last_position pooling pads to it
  TokenId pad_id = 0;
  Truncate truncate = Truncate::kRight;  ///< how longer texts are cut
  bool causal = true;                    ///< false: tokens also attend to later ones
  bool pairs = false;  ///< inputs are pairs of texts joined by kPairSeparator (data/tables/table.h)
  ProblemType problem_type = ProblemType::kSingleLabel;
  /// Whether the class head reads the last token that is not pad_id even if the text itself ends
  /// with pad_id, as transformers' classes with a pad_token_id do.
  bool skips_padding = false;
  std::string where = {};  ///< where it was opened, for messages
};

struct LoadOptions {
  double dropout = 0;           ///< for training the model further
  bool keep_quantized = false;  ///< layers multiply with quantised blocks instead of float32
};

/// Opens a model; it is in evaluation mode, in float32, on the CPU. Weights that are not finite are
/// refused naming the tensor. For the folder of a LoRA adapter (weights/peft.h), opens the base
/// model that it names and merges the adapter.
LanguageModel load_language_model(const std::string& name_or_path, const LoadOptions& options = {});
/// Opens a model for decoding: its weights are read layer by layer and are in memory once, in the
/// format of `options`. An adapter is merged into its base.
DecodingBundle open_for_decoding(const std::string& name_or_path, const DecodingOptions& options);
/// The same for a folder with a class head, `score.weight`, or for a LoRA adapter of one
/// (weights/peft.h), which is added to the base model that it names.
TextClassifier load_text_classifier(const std::string& name_or_path);

/// Sets the chat template, which is saved with the model. A syntax error in the template sets
/// chat_problem, which begins with `where`.
void set_chat_template(ModelText& model, const std::string& jinja, const std::string& where);
/// The model's chat format; fails with the reason when there is none.
const ChatFormat& require_chat(const ModelText& model);

struct SaveOptions {
  torch::ScalarType dtype = torch::kFloat32;               ///< of the stored weights
  std::uint64_t max_shard_bytes = std::uint64_t{5} << 30;  ///< larger models are cut into shards
};

/// Writes into an existing folder (see AtomicDirectory) config.json, model.safetensors,
/// generation_config.json and the tokenizer's files.
void save_language_model(const fs::path& folder, const LanguageModel& model,
                         const SaveOptions& options = {});
/// Whether the bias of a class head can be stored. transformers' classes have no such bias, so it
/// is folded into the bias of the final norm, which gives the same logits up to rounding. RMS norm
/// has no bias.
bool holds_head_bias(const GPT& gpt);
/// Writes the classifier as the family's class of transformers (GPT2ForSequenceClassification ...).
/// transformers reads the last token that is not padding: classifiers with another pooling give
/// these logits in gptkit only.
void save_text_classifier(const fs::path& folder, const TextClassifier& model);
/// Writes the adapters of the model, its class head and its description in PEFT's layout; `base` is
/// the model that they were trained on.
void save_classifier_adapter(const fs::path& folder, const TextClassifier& model,
                             const LoraConfig& config, const std::string& base);

/// Writes the files of a language model's folder other than the weights: config.json (`json` with
/// the token roles and the class of transformers), generation_config.json, the tokenizer's files
/// and, if not empty, the chat template (Jinja).
void save_description(const fs::path& folder, const Json& json, const ModelConfig& config,
                      const Tokenizer& tokenizer, const TokenRoles& roles,
                      const std::string& chat_template);

/// Writes model.safetensors, or shards with their index.
void save_weights(const fs::path& folder, const NamedSources& tensors, const SaveOptions& options);

}  // namespace gptkit
