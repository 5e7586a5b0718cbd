#pragma once
// Labels texts with a finetuned classifier, or with a language model and examples in its prompt.

#include <array>
#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/config/config.h"
#include "data/tables/table_reader.h"
#include "tasks/classify/explain.h"
#include "tasks/classify/few_shot.h"
#include "tasks/classify/prediction.h"
#include "tensors/precision.h"
#include "weights/bundle.h"

namespace gptkit {

/// The input of a classifier for one text. Never empty: an empty text becomes a single padding
/// token.
struct ClassifierInput {
  std::vector<TokenId> ids;
  bool truncated = false;  ///< it was longer than max_tokens (and is still, with kRefuse)
};
ClassifierInput classifier_input(const TextClassifier& model, std::string_view text);

/// Rows of ids, padded to the longest, or to max_tokens if the pooling reads the padding.
struct ClassifierBatch {
  torch::Tensor ids;             ///< (B,T)
  std::vector<int64_t> lengths;  ///< (B)
};
ClassifierBatch classifier_batch(const TextClassifier& model,
                                 const std::vector<std::vector<TokenId>>& rows);

struct ClassifyOptions {
  int64_t batch_size = 256;  ///< most texts per batch; fewer if texts are long. Affects only speed.
  Precision precision = Precision::kFloat32;  ///< of the computation
};

/// (N,n_class) in float64 on the CPU. Texts of similar length share a batch. An empty row is
/// treated as the padding token.
torch::Tensor class_logits(const TextClassifier& model,
                           const std::vector<std::vector<TokenId>>& rows,
                           const ClassifyOptions& options = {});

/// Logits (N,n_class) -> probabilities, or a regression's values.
torch::Tensor class_scores(const torch::Tensor& logits, ProblemType type);

/// One prediction per text, in order. Empty texts are classified as a single end-of-text token.
/// Fails for a text that is too long if the model refuses truncation.
std::vector<Prediction> classify(const TextClassifier& model, const std::vector<std::string>& texts,
                                 const ClassifyOptions& options = {});

/// When to colour the output of --explain.
enum class Color { kAuto, kAlways, kNever };

constexpr auto enum_names(Color) {
  return std::array<std::pair<std::string_view, Color>, 3>{{
      {"auto", Color::kAuto},  // if shows_colours() is true
      {"always", Color::kAlways},
      {"never", Color::kNever},
  }};
}

inline constexpr double kDefaultThreshold = 0.5;

/// The settings of the classify program.
struct ClassifyConfig {
  static constexpr std::array kRenamedKeys = {RenamedKey{"raw_quotes", "quotes"}};

  NameOrPath model;
  std::filesystem::path input;
  TableFormat format = TableFormat::kAuto;
  bool evaluate = false, strict = false;
  TableColumns columns;  // its fields are the program's own
  std::string positive;
  double threshold = kDefaultThreshold;
  std::vector<std::string> thresholds;
  bool explain = false;
  ExplainMethod explain_method = ExplainMethod::kLeaveOneOut;
  std::filesystem::path html;
  Color color = Color::kAuto;
  FewShotConfig few_shot;  // its fields are the program's own
  int64_t shots = 0;
  int64_t batch_size = ClassifyOptions{}.batch_size;
  Precision precision = Precision::kAuto;
  std::string device = "auto";
};

template <class Visitor>
void visit_fields(ClassifyConfig& c, Visitor&& visit) {
  visit("model", c.model,
        "folder of a classifier, or of a language model with `labels` or `examples`");
  visit("input", c.input, ".tsv, .csv, .jsonl or .json; any other file: one text per line");
  visit("format", c.format,
        "format of the input: auto (from its name), lines, tsv, csv, jsonl or json");
  visit("evaluate", c.evaluate,
        "compare with the labels of the input: accuracy, precision, recall, F1");
  visit("strict", c.strict, "a row that cannot be read is an error; otherwise it is skipped");
  visit_fields(c.columns, visit);
  visit("positive", c.positive, "the positive label of two; `threshold` applies to it");
  visit("threshold", c.threshold,
        "lowest probability of the positive label, or of every label of a multi-label model");
  visit("thresholds", c.thresholds,
        "LABEL=PROBABILITY: another threshold for one label of a multi-label model");
  visit("explain", c.explain,
        "contribution of each token to the log-odds of the label; n + 1 runs for n tokens");
  visit("explain_method", c.explain_method,
        "leave_one_out (exact) or gradient (gradient times input: fast, approximate)");
  visit("html", c.html, "write the explanations to this HTML page");
  visit("color", c.color, "colour explanations: auto (on a terminal), always or never");
  visit_fields(c.few_shot, visit);
  visit("shots", c.shots,
        "number of examples in the prompt of the language model, drawn evenly from the labels");
  visit("batch_size", c.batch_size, "maximum number of texts per batch; affects speed only");
  visit("precision", c.precision,
        "float32 (always for explanations), bfloat16 (faster), or auto: bfloat16 if the processor "
        "supports it");
  visit("device", c.device, "auto, cpu, cuda or cuda:N");
}

/// The arguments of a call beside the configuration.
struct ClassifyRequest {
  std::vector<std::string> texts = {};
  bool json = false;
  int threads = 0;
  int input = 0;  ///< descriptor to read texts from if there are none above and no input file
  bool colours = false;  ///< `out` is a terminal with colours (base/log.h)
};

/// Classifies the texts of the request (pairs of texts for a model of pairs), else the input file,
/// else the lines of standard input, in constant memory and in order. Writes one line per text to
/// `out`: label, probability, text (tabs and newlines escaped), or with `json` an object. For a
/// multi-label model the first column has the labels that reach their threshold and the second the
/// probabilities of all labels; for a regression the columns are the names and the values of the
/// outputs. Both are separated by commas. With config.evaluate only the report is written, which
/// keeps 16 bytes per row. A row that cannot be read is named in a warning and skipped; with
/// config.strict it is an error, after the rows before it have been written.
void run_classify(const ClassifyConfig& config, const ClassifyRequest& request, std::ostream& out);

}  // namespace gptkit
