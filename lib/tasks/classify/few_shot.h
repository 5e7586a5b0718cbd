#pragma once
// Classification with a language model that was not finetuned for it. The prompt has an
// instruction, some labelled examples and the text; each label is scored as a continuation
// (arXiv:2005.14165).
//
// The score of a label is the sum of the log-likelihoods of its tokens: the log-probability that
// the model writes this label. A mean over the tokens would favour long labels, whose later tokens
// follow from the first ("not spam": after "not", "spam" is almost certain). Probabilities are the
// softmax of the scores over the labels.
//
// Contextual calibration (arXiv:2102.09690): a model prefers some labels for every text, for
// example the label of the last example. The probabilities are divided by those of content-free
// inputs
// ("N/A", "[MASK]" and an empty text, averaged) and normalised to sum 1.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "data/tables/table.h"
#include "infer/text_scorer.h"
#include "tasks/classify/labelled_rows.h"
#include "tasks/classify/prediction.h"
#include "weights/bundle.h"

namespace gptkit {

/// Settings that `classify` and `evaluate few-shot` share.
struct FewShotConfig {
  std::string labels = {};  // separated by commas: a list option would consume the texts after it
  std::filesystem::path examples = {};
  int64_t seed = 123;
  bool calibrate = false;
  std::string instruction = "Label each text with one of: {labels}.";
  std::string text_name = "Text", label_name = "Label";

  /// Whether the call requests labelling by a language model.
  bool asked() const { return !labels.empty() || !examples.empty(); }
};

template <class Visitor>
void visit_fields(FewShotConfig& c, Visitor&& visit) {
  visit("labels", c.labels, "labels to choose from: spam,ham; empty: the labels of the examples");
  visit("examples", c.examples, "labelled rows to draw examples from: .tsv, .csv, .jsonl or .json");
  visit("seed", c.seed, "seed for drawing the examples");
  visit("calibrate", c.calibrate,
        "divide by the probabilities given to content-free inputs (arXiv:2102.09690)");
  visit("instruction", c.instruction,
        "first line of the prompt; {labels} becomes the list of labels");
  visit("text_name", c.text_name, "name before each text in the prompt");
  visit("label_name", c.label_name, "name before each label in the prompt");
}

class FewShotClassifier {
 public:
  /// The model as text and as what scores texts of at most `context` tokens. `shown`: the labels
  /// to choose from and the examples in the order of the prompt.
  struct Model {
    ModelText text;
    int64_t context;
    std::unique_ptr<TextScorer> scorer;
  };
  FewShotClassifier(Model model, const FewShotConfig& config, LabelledRows shown);

  const std::vector<std::string>& labels() const { return shown_.labels; }
  const std::vector<LabelledText>& examples() const { return shown_.rows; }
  int64_t shots() const { return static_cast<int64_t>(shown_.rows.size()); }

  /// Shows at most `most` of the examples (default: all). If they do not fit the model's context
  /// together with the text, the last ones are left out; a text that does not fit alone is cut. The
  /// result reports both.
  Prediction predict(const std::string& text, std::optional<int64_t> most = {});

  /// The prompt before a label. Line ends inside texts become blanks, so that a text cannot add
  /// examples.
  std::string prompt(const std::string& text, int64_t shots) const;
  /// The ids of prompt and label, for each label.
  std::vector<std::vector<TokenId>> candidates(const std::string& text, int64_t shots) const;
  /// log P(label | prompt) of each label, without the prefix that all labels share.
  std::vector<double> scores(const std::vector<std::vector<TokenId>>& candidates);

  const TextScorer& scorer() const { return *model_.scorer; }

 private:
  Model model_;
  FewShotConfig config_;
  LabelledRows shown_;
  bool one_begins_another_ = false;
  std::map<int64_t, std::vector<double>> log_prior_;  // by shots: of content-free texts

  bool fits(const std::string& text, int64_t shots) const;
  std::string cut_to_context(const std::string& text) const;
  const std::vector<double>& log_prior(int64_t shots);
};

/// On the CPU a model that only decodes, on another device its modules.
FewShotClassifier::Model open_few_shot_model(const std::string& model, const std::string& device);

/// Builds a FewShotClassifier from a configuration: loads the model onto its device, reads the
/// labels and draws `shots` examples.
FewShotClassifier make_few_shot_classifier(const std::string& model, const std::string& device,
                                           const FewShotConfig& config, int64_t shots,
                                           const TableColumns& columns, bool strict);

}  // namespace gptkit
