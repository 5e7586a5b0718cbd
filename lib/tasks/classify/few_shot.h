#pragma once
// Labelling texts with a language model that was never trained to: it is shown an instruction, some
// labelled examples and the text, and asked how likely each label comes next (arXiv:2005.14165).
//
// A label's score is the log-likelihood of its tokens, summed: the probability that the model
// writes this label. A mean over the tokens would favour long labels, whose later tokens follow
// from the first ("not spam": once "not" stands there, "spam" is certain). Probabilities are the
// softmax of the scores over the labels.
//
// Contextual calibration (arXiv:2102.09690): a model prefers some labels whatever the text is, the
// last one shown for instance. The probabilities are divided by those it gives to texts that say
// nothing ("N/A", "[MASK]" and an empty one, averaged) and scaled to sum 1 again.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "data/tables/table.h"
#include "infer/prompt_cache.h"
#include "tasks/classify/labelled_rows.h"
#include "tasks/classify/prediction.h"
#include "weights/bundle.h"

namespace gptkit {

/// The settings that every few-shot program has.
struct FewShotConfig {
  std::string labels = {};  // with commas between: a list option would take the texts behind it
  std::filesystem::path examples = {};
  int64_t seed = 123;
  bool calibrate = false;
  std::string instruction = "Label each text with one of: {labels}.";
  std::string text_name = "Text", label_name = "Label";

  /// Whether labelling by a language model is asked for.
  bool asked() const { return !labels.empty() || !examples.empty(); }
};

template <class Visitor>
void visit_fields(FewShotConfig& c, Visitor&& visit) {
  visit("labels", c.labels, "spam,ham: what a language model chooses from; empty: the examples'");
  visit("examples", c.examples, "labelled .tsv, .csv, .jsonl or .json to draw examples from");
  visit("seed", c.seed, "of the drawing of examples");
  visit("calibrate", c.calibrate, "divide by what texts that say nothing get (arXiv:2102.09690)");
  visit("instruction", c.instruction, "first line of the prompt; {labels} becomes their list");
  visit("text_name", c.text_name, "what stands before each text of the prompt");
  visit("label_name", c.label_name, "what stands before each label of the prompt");
}

class FewShotClassifier {
 public:
  /// `shown`: the labels to choose from and the examples in the order of the prompt. The model is
  /// where it is to compute.
  FewShotClassifier(LanguageModel model, const FewShotConfig& config, LabelledRows shown);

  const std::vector<std::string>& labels() const { return shown_.labels; }
  const std::vector<LabelledText>& examples() const { return shown_.rows; }
  int64_t shots() const { return static_cast<int64_t>(shown_.rows.size()); }

  /// Shows at most `shots` of the examples (all unless given): fewer, from the last, when they do
  /// not fit the model's context with the text; a text that does not fit alone is cut. The result
  /// says both.
  Prediction predict(const std::string& text, std::optional<int64_t> shots = {});

  /// What the model reads before a label: line ends inside texts become blanks, so that no text can
  /// bring examples of its own.
  std::string prompt(const std::string& text, int64_t shots) const;
  /// The ids of prompt and label, for each label.
  std::vector<std::vector<TokenId>> candidates(const std::string& text, int64_t shots) const;
  /// log P(label | prompt) of each, up to what all labels begin with.
  std::vector<double> scores(const std::vector<std::vector<TokenId>>& candidates);

  const PromptCache& cache() const { return cache_; }

 private:
  LanguageModel model_;
  FewShotConfig config_;
  LabelledRows shown_;
  PromptCache cache_;
  bool one_begins_another_ = false;
  std::map<int64_t, std::vector<double>> log_prior_;  // by shots: of texts that say nothing

  bool fits(const std::string& text, int64_t shots) const;
  std::string cut_to_context(const std::string& text) const;
  const std::vector<double>& log_prior(int64_t shots);
};

/// The whole way from a configuration: model (on its device), labels, `shots` drawn examples.
FewShotClassifier make_few_shot_classifier(const std::string& model, const std::string& device,
                                           const FewShotConfig& config, int64_t shots,
                                           const TableColumns& columns, bool strict);

}  // namespace gptkit
