#pragma once
// The evaluate program: perplexity, and few-shot accuracy.

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/config/config.h"
#include "base/json.h"
#include "data/tables/table.h"
#include "tasks/classify/few_shot.h"

namespace gptkit {

struct PerplexityConfig {
  NameOrPath model;
  int64_t context = 0;
  int64_t stride = 0;
  int64_t batch_size = 4;
  bool allow_special = false;
  std::string device = "auto";
};

template <class Visitor>
void visit_fields(PerplexityConfig& c, Visitor&& visit) {
  visit("model", c.model, "model folder or name");
  visit("context", c.context, "tokens per window; 0: the model's context length");
  visit("stride", c.stride, "new tokens per window; 0: windows do not overlap");
  visit("batch_size", c.batch_size, "windows per batch");
  visit("allow_special", c.allow_special, "encode <|endoftext|> in the text as that token");
  visit("device", c.device, "auto, cpu, cuda or cuda:N");
}

/// {"tokens" that are predicted, "loss", "perplexity" (null when it is over 1e308), and for text:
/// "characters", "bits_per_character"}.
OrderedJson run_perplexity(const PerplexityConfig& config,
                           const std::vector<std::filesystem::path>& files, int threads);

/// Settings of `evaluate few-shot`: accuracy with k examples in the prompt, for several k.
struct FewShotEvaluationConfig {
  static constexpr std::array kRenamedKeys = {RenamedKey{"raw_quotes", "quotes"}};

  NameOrPath model;
  FewShotConfig few_shot;  // its fields are the program's own
  std::filesystem::path test;
  std::string shots = "0,1,3,5";
  int64_t rows = 0;
  bool strict = false;
  TableColumns columns;  // its fields are the program's own
  std::string device = "auto";
};

template <class Visitor>
void visit_fields(FewShotEvaluationConfig& c, Visitor&& visit) {
  visit("model", c.model, "model folder or name");
  visit_fields(c.few_shot, visit);
  visit("test", c.test, "labelled test rows: .tsv, .csv, .jsonl or .json");
  visit("shots", c.shots, "numbers of examples in the prompt, with a result for each: 0,1,3,5");
  visit("rows", c.rows, "number of test rows, drawn with the seed; 0: all");
  visit("strict", c.strict, "a row that cannot be read is an error instead of being skipped");
  visit_fields(c.columns, visit);
  visit("device", c.device, "auto, cpu, cuda or cuda:N");
}

/// {"rows", "labels", "majority": share of the most frequent label, "calibrated", "results":
/// [{"shots", "accuracy", "fewer_shots": texts with room for fewer examples, "truncated",
/// "report"}]}. Test rows with the text of an example are left out for every number of shots, so
/// that all results use the same rows.
OrderedJson run_few_shot_evaluation(const FewShotEvaluationConfig& config, int threads);
/// The same as a text table.
std::string few_shot_table(const OrderedJson& result);

}  // namespace gptkit
