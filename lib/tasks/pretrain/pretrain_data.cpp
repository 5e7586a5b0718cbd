#include "tasks/pretrain/pretrain_data.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/parallel.h"
#include "data/fingerprint.h"
#include "data/random_order.h"

namespace gptkit {

namespace {

std::vector<fs::path> to_paths(const std::vector<NameOrPath>& inputs) {
  std::vector<fs::path> paths;
  for (const auto& input : inputs) paths.emplace_back(input.text);
  return paths;
}

/// Windows that do not overlap; otherwise the first windows of an evaluation would have the same
/// text.
WindowOptions apart(const WindowOptions& windows) {
  return {windows.length, std::max(windows.stride, windows.length)};
}

/// The number of windows from which batches for train_loss are drawn: more than one evaluation
/// uses.
constexpr int64_t kSampleWindows = 1 << 16;

std::string source_name(const PretrainSourceConfig& source) {
  if (!source.name.empty()) return source.name;
  const auto path = source.path.has_filename() ? source.path : source.path.parent_path();
  return path.filename().string();
}

CorpusOptions corpus_options(const PretrainDataConfig& config, DocumentFilter* filter,
                             int threads) {
  const auto validation = parse_validation(config.validation);
  return {.train = config.train,
          .validation = validation.files,
          .validation_fraction = validation.fraction,
          .split_by = config.split_by,
          .allow_special = config.allow_special,
          .filter = filter,
          .threads = threads};
}

/// "OLD-NEW": version 0.1 compared only the training tokens.
std::string fingerprint_with(const std::string& old, const std::string& validation,
                             const Tokenizer& tokenizer, const WindowOptions& windows) {
  Fingerprint all;
  all.add(old);
  all.add(validation);
  all.add(tokenizer_sha256(tokenizer));
  all.add(windows.length);
  all.add(windows.stride);
  return data_fingerprint(old, all);
}

PretrainData load_one(const CorpusOptions& options, const Tokenizer& tokenizer,
                      const WindowOptions& windows) {
  const auto corpus = load_corpus(options, tokenizer);
  PretrainData data;
  data.train = std::make_shared<WindowDataset>(corpus.train, windows, "training text");
  if (corpus.validation.size() > 0) {
    data.validation =
        std::make_shared<WindowDataset>(corpus.validation, apart(windows), "validation text");
  }
  data.train_tokens = corpus.train.size();
  data.validation_tokens = corpus.validation.size();
  data.fingerprint = fingerprint_with(corpus.train.fingerprint(), corpus.validation.fingerprint(),
                                      tokenizer, windows);
  return data;
}

/// Loads a mixture source by source.
class MixtureLoading {
 public:
  MixtureLoading(const PretrainDataConfig& config, const CorpusOptions& options,
                 const Tokenizer& tokenizer, const WindowOptions& windows)
      : config_(config), options_(options), tokenizer_(tokenizer), windows_(windows) {}

  PretrainData load(uint64_t seed) {
    for (const auto& source : config_.sources) add(source);
    data_.mixture = std::make_shared<MixtureDataset>(train_, seed);
    data_.train = data_.mixture;
    data_.train_sample = std::make_shared<MixtureDataset>(
        train_, mixed_seed(seed, 1), std::min(data_.train->size(), kSampleWindows));
    add_validation(seed);
    data_.fingerprint = fingerprint_with(sha256_hex(fingerprints_).substr(0, 16),
                                         validation_fingerprints_, tokenizer_, windows_);
    return std::move(data_);
  }

 private:
  void add(const PretrainSourceConfig& source) {
    auto options = options_;
    options.train = {source.path};
    options.validation.clear();
    const auto corpus = load_corpus(options, tokenizer_);
    const auto name = source_name(source);
    train_.push_back(
        {name, std::make_shared<WindowDataset>(corpus.train, windows_, "data source " + name),
         source.weight});
    data_.source_tokens.push_back(corpus.train.size());
    data_.train_tokens += corpus.train.size();
    fingerprints_ += corpus.train.fingerprint();
    if (!options_.validation.empty() || options.validation_fraction == 0) return;
    if (window_count(corpus.validation.size(), windows_) == 0) {
      left_out_ += (left_out_.empty() ? "" : ", ") + name;
      return;
    }
    validation_fingerprints_ += corpus.validation.fingerprint();
    validation_.push_back(
        {name, std::make_shared<WindowDataset>(corpus.validation, windows_, name), source.weight});
    data_.validation_tokens += corpus.validation.size();
  }

  void add_validation(uint64_t seed) {
    if (!options_.validation.empty()) {
      const auto tokens = load_validation(options_, tokenizer_);
      data_.validation = std::make_shared<WindowDataset>(tokens, windows_, "validation text");
      data_.validation_tokens = tokens.size();
      validation_fingerprints_ = tokens.fingerprint();
    } else if (!validation_.empty()) {
      if (!left_out_.empty()) {
        log_warning(
            "val_loss is measured without the data sources whose end is shorter than a "
            "window of ",
            windows_.length, " tokens: ", left_out_);
      }
      data_.validation =
          std::make_shared<MixtureDataset>(validation_, seed, windows_without_repeats(validation_));
    } else {
      require(options_.validation_fraction == 0, Key{"data.validation"},
              ": the end of no source is long enough for a window of ", windows_.length,
              " tokens; raise the fraction, name files, or set it to 0");
    }
  }

  const PretrainDataConfig& config_;
  const CorpusOptions& options_;
  const Tokenizer& tokenizer_;
  WindowOptions windows_;
  PretrainData data_;
  std::vector<MixtureSource> train_, validation_;
  std::string fingerprints_, validation_fingerprints_;
  std::string left_out_;  // of the validation data, by name
};

}  // namespace

ValidationSplit parse_validation(const std::vector<NameOrPath>& validation) {
  if (validation.empty()) return {};
  double fraction = 0;
  const auto& text = validation.front().text;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), fraction);
  const bool is_number = error == std::errc() && stop == text.data() + text.size();
  if (!is_number) return {0, to_paths(validation)};
  require(validation.size() == 1 && fraction >= 0 && fraction < 1, Key{"data.validation"}, ": ",
          text, " is out of range; expected a fraction of at least 0 and less than 1, or files");
  return {fraction, {}};
}

void validate(const PretrainDataConfig& config) {
  require(config.train.empty() || config.sources.empty(), Key{"data.train"}, " and ",
          Key{"data.sources"}, " are both set; leave one of them out");
  require(config.stride >= 0, Key{"data.stride"}, ": ", config.stride,
          " is out of range; expected 0 (the context length) or more");
  parse_validation(config.validation);
  validate(config.filter, "data.filter");
  std::set<std::string> names;
  for (std::size_t i = 0; i < config.sources.size(); ++i) {
    const auto& source = config.sources[i];
    const auto key = config_detail::item_key("data.sources", i);
    require(!source.path.empty(), Key{key + ".path"}, " is missing; name a file, folder or glob");
    require(source.weight > 0 && std::isfinite(source.weight), Key{key + ".weight"}, ": ",
            source.weight, " is out of range or missing; expected a number above 0");
    require(source.name.empty() || names.insert(source.name).second, Key{key + ".name"}, ": '",
            source.name, "' is already the name of another source");
  }
}

PretrainData load_pretrain_data(const PretrainDataConfig& config, const Tokenizer& tokenizer,
                                int64_t context, int64_t seed, int threads) {
  const WindowOptions windows{context, config.stride > 0 ? config.stride : context};
  DocumentFilter filter(config.filter, threads > 0 ? threads : physical_cores());
  const auto options = corpus_options(config, config.filter.active() ? &filter : nullptr, threads);
  auto data =
      config.sources.empty()
          ? load_one(options, tokenizer, windows)
          : MixtureLoading(config, options, tokenizer, windows).load(static_cast<uint64_t>(seed));
  if (config.filter.active()) data.filter_report = filter.report();
  return data;
}

std::string mixture_table(const PretrainData& data, const PretrainDataConfig& config,
                          int64_t windows, int64_t context) {
  const auto drawn = data.mixture->drawn(windows);
  std::vector<MixtureRow> rows;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    const auto& source = data.mixture->sources()[i];
    rows.push_back({source.name, data.source_tokens[i], config.sources[i].weight,
                    static_cast<double>(drawn[i]) / static_cast<double>(source.windows->size())});
  }
  return mixture_table(rows, windows * context);
}

}  // namespace gptkit
