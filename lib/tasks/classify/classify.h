#pragma once
// Labelling texts with a finetuned classifier, or with a language model that is shown examples.

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
#include "tasks/classify/prediction.h"
#include "tasks/classify/few_shot.h"
#include "tensors/precision.h"
#include "weights/bundle.h"

namespace gptkit {

/// A text as a classifier reads it; never empty: an empty text is the padding token alone.
struct ClassifierInput {
  std::vector<TokenId> ids;
  bool truncated = false;  ///< it was longer than max_tokens (and is still, with kRefuse)
};
ClassifierInput classifier_input(const TextClassifier& model, std::string_view text);

/// Rows of ids, padded to the longest, or to max_tokens where the pooling reads the padding.
struct ClassifierBatch {
  torch::Tensor ids;             ///< (B,T)
  std::vector<int64_t> lengths;  ///< (B)
};
ClassifierBatch classifier_batch(const TextClassifier& model,
                                 const std::vector<std::vector<TokenId>>& rows);

struct ClassifyOptions {
  int64_t batch_size = 256;  ///< texts at once, at most; long ones are fewer. Only changes speed.
  Precision precision = Precision::kFloat32;  ///< of the computation
};

/// (N,n_class) in float64 on the CPU. Neighbours in length share a batch. An empty row is the
/// padding token.
torch::Tensor class_logits(const TextClassifier& model,
                           const std::vector<std::vector<TokenId>>& rows,
                           const ClassifyOptions& options = {});

/// Logits (N,n_class) -> probabilities, or a regression's values.
torch::Tensor class_scores(const torch::Tensor& logits, ProblemType type);

/// One prediction a text, in order. Empty texts are classified as the end-of-text token alone.
/// Fails for a text that is too long when the model refuses to cut.
std::vector<Prediction> classify(const TextClassifier& model, const std::vector<std::string>& texts,
                                 const ClassifyOptions& options = {});

/// When to colour what --explain shows.
enum class Color { kAuto, kAlways, kNever };

constexpr auto enum_names(Color) {
  return std::array<std::pair<std::string_view, Color>, 3>{{
      {"auto", Color::kAuto},  // as shows_colours() says
      {"always", Color::kAlways},
      {"never", Color::kNever},
  }};
}

/// What the classify program was asked for.
struct ClassifyConfig {
  NameOrPath model;
  std::filesystem::path input;
  TableFormat format = TableFormat::kAuto;
  bool evaluate = false, strict = false;
  std::string text_column, label_column, pair_column;
  TableHeader header = TableHeader::kAuto;
  bool raw_quotes = false;
  std::string positive;
  double threshold = 0.5;
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
  visit("model", c.model, "a classifier's folder; with `labels` or `examples` a language model");
  visit("input", c.input, ".tsv, .csv, .jsonl, .json, or any other file: a text a line");
  visit("format", c.format, "of the input: auto (by its name), lines, tsv, csv, jsonl or json");
  visit("evaluate", c.evaluate, "compare with the input's labels: accuracy, precision, recall, F1");
  visit("strict", c.strict, "a row that cannot be read ends the program; else it is skipped");
  visit("text_column", c.text_column,
        "name or number; empty: text, else the second, else the only");
  visit("label_column", c.label_column, "with `evaluate`; empty: label, else the first");
  visit("pair_column", c.pair_column, "a second text, read behind the first; empty: none");
  visit("header", c.header, "auto (as in training), none (false) or first_row (true)");
  visit("raw_quotes", c.raw_quotes, "double quotes are ordinary characters");
  visit("positive", c.positive, "of two labels the one that `threshold` is about");
  visit("threshold", c.threshold,
        "the positive label from this probability on; of a multi-label model every label");
  visit("thresholds", c.thresholds,
        "of a multi-label model: LABEL=PROBABILITY, for a label with a threshold of its own");
  visit("explain", c.explain,
        "what each token adds to the label's log-odds; n + 1 runs for n tokens");
  visit("explain_method", c.explain_method,
        "leave_one_out (exact), or gradient (times input: cheap, a guess)");
  visit("html", c.html, "write the explained texts, coloured, to this page");
  visit("color", c.color, "colour explanations: auto (on a terminal), always or never");
  visit_fields(c.few_shot, visit);
  visit("shots", c.shots, "examples in the language model's prompt, drawn evenly from the labels");
  visit("batch_size", c.batch_size, "texts at once, at most; changes nothing but speed");
  visit("precision", c.precision,
        "float32 (explanations always), bfloat16 (twice as fast or more) or auto: what the "
        "processor has");
  visit("device", c.device, "auto, cpu, cuda or cuda:N");
}

/// What a call adds to the configuration.
struct ClassifyRequest {
  std::vector<std::string> texts = {};
  bool json = false;
  int threads = 0;
  int input = 0;         ///< descriptor of the texts when there are none above and no input file
  bool colours = false;  ///< `out` is a terminal that shows them (base/log.h)
};

/// Classifies the request's texts (two at a time with a model of pairs), or the input file, or
/// without either the lines of standard input, in constant memory and in order. Writes to `out` a
/// line a text: label, probability, text (tabs and newlines escaped), or with `json` an object. Of
/// a multi-label model the first column has the labels that reach their threshold and the second
/// the probabilities of all, of a regression the outputs' names and values, both with commas
/// between; with config.evaluate the report alone (16 bytes a row are kept for it). A row that
/// cannot be read is named in a warning and skipped; with config.strict it is an error, after the
/// rows before it.
void run_classify(const ClassifyConfig& config, const ClassifyRequest& request, std::ostream& out);

}  // namespace gptkit
