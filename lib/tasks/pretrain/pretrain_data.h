#pragma once
// The data of pretraining: one corpus, or a weighted mixture of several.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/config/config.h"
#include "data/corpus/corpus.h"
#include "data/corpus/document_filter.h"
#include "data/corpus/mixture.h"
#include "data/windows.h"

namespace gptkit {

struct PretrainSourceConfig {
  std::filesystem::path path;
  double weight = 0;
  std::string name;
};

template <class Visitor>
void visit_fields(PretrainSourceConfig& c, Visitor&& visit) {
  visit("path", c.path, "a text file, .jsonl, folder, glob, or token shards");
  visit("weight", c.weight, "share of the training windows; all weights are scaled to 100 %");
  visit("name", c.name, "name in tables; empty: the last part of the path");
}

struct PretrainDataConfig {
  std::vector<std::filesystem::path> train;
  std::vector<PretrainSourceConfig> sources;
  std::vector<NameOrPath> validation = {{"0.1"}};
  SplitBy split_by = SplitBy::kCharacters;
  int64_t stride = 0;
  bool allow_special = false;
  DocumentFilterConfig filter;
};

template <class Visitor>
void visit_fields(PretrainDataConfig& c, Visitor&& visit) {
  visit("train", c.train, "text files, .jsonl, folders, globs, or token shards");
  visit("sources", c.sources, "instead of train: a mixture, [{path: ..., weight: ...}, ...]");
  visit("validation", c.validation,
        "fraction at the end of each source, or files; 0: no validation");
  visit("split_by", c.split_by, "cut the fraction by characters (the book) or by tokens");
  visit("stride", c.stride,
        "distance between the starts of two windows, in tokens; 0: the context length");
  visit("allow_special", c.allow_special, "convert <|endoftext|> in the text to the special token");
  visit("filter", c.filter, "rules that drop training documents; text only");
}

/// `data.validation`: 0.1 (a fraction) or a list of files.
struct ValidationSplit {
  double fraction = 0;
  std::vector<std::filesystem::path> files;
};
ValidationSplit parse_validation(const std::vector<NameOrPath>& validation);

/// Fails naming the key that is out of range, missing or in conflict with another.
void validate(const PretrainDataConfig& config);

struct PretrainData {
  std::shared_ptr<const Dataset> train;
  /// A sample of the mixture's windows on which train_loss is measured; null: train itself.
  std::shared_ptr<const Dataset> train_sample;
  std::shared_ptr<const Dataset> validation;      ///< may be null
  std::shared_ptr<const MixtureDataset> mixture;  ///< train, when it is one
  std::vector<int64_t> source_tokens;             ///< training tokens of each source
  int64_t train_tokens = 0, validation_tokens = 0;
  std::string fingerprint;
  std::optional<FilterReport> filter_report;  ///< when data.filter is set
};

/// Reads, filters and tokenizes. The windows have `context` tokens. The validation data of a
/// mixture are the ends of its sources in proportion to their weights, each window at most once. A
/// source whose end is shorter than a window is left out with a warning.
PretrainData load_pretrain_data(const PretrainDataConfig& config, const Tokenizer& tokenizer,
                                int64_t context, int64_t seed, int threads);

/// The table of the GPT-3 paper for a run over `windows` windows of the mixture.
std::string mixture_table(const PretrainData& data, const PretrainDataConfig& config,
                          int64_t windows, int64_t context);

}  // namespace gptkit
