#pragma once
// Labelling texts with a finetuned classifier.

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "base/config.h"
#include "data/table.h"
#include "weights/bundle.h"

namespace gptkit {

struct Prediction {
  int64_t label = 0;
  double probability = 0;             ///< of that label
  std::vector<double> probabilities;  ///< of every class
  bool truncated = false;             ///< the text was cut to the classifier's max_tokens
};

/// One prediction a text, in order; batch_size only changes speed. Empty texts are classified as
/// the end-of-text token alone.
std::vector<Prediction> classify(const TextClassifier& model, const std::vector<std::string>& texts,
                                 int64_t batch_size = 16);

/// What the classify program was asked for.
struct ClassifyConfig {
  NameOrPath model;
  std::filesystem::path input;
  bool evaluate = false;
  std::string text_column, label_column;
  TableHeader header = TableHeader::kAuto;
  bool raw_quotes = false;
  int64_t batch_size = 16;
  std::string device = "auto";
};

template <class Visitor>
void visit_fields(ClassifyConfig& c, Visitor&& visit) {
  visit("model", c.model, "a classifier's folder");
  visit("input", c.input, "labelled .tsv, .csv, .jsonl, or any other file: a text a line");
  visit("evaluate", c.evaluate, "compare with the input's labels: accuracy, precision, recall, F1");
  visit("text_column", c.text_column, "name or number; empty: text, else the second");
  visit("label_column", c.label_column, "name or number; empty: label, else the first");
  visit("header", c.header, "auto, none or first_row");
  visit("raw_quotes", c.raw_quotes, "double quotes are ordinary characters");
  visit("batch_size", c.batch_size, "texts at once");
  visit("device", c.device, "auto, cpu, cuda or cuda:N");
}

/// Classifies `texts`, or the input file, or without either the lines of `in`, in constant memory.
/// Writes to `out` a line a text: label, probability, text (tabs and newlines escaped), or with
/// `json` an object; with config.evaluate the report alone.
void run_classify(const ClassifyConfig& config, const std::vector<std::string>& texts, bool json,
                  int threads, std::istream& in, std::ostream& out);

}  // namespace gptkit
