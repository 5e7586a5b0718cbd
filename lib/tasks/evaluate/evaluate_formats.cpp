#include "tasks/evaluate/evaluate_formats.h"

#include <ATen/ops/cat.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/stop.h"
#include "base/strings.h"
#include "data/corpus/corpus.h"
#include "eval/divergence.h"
#include "tasks/generate/benchmark.h"
#include "tensors/device.h"
#include "weights/stored_layers.h"

namespace gptkit {

namespace {

constexpr int64_t kRows = 64;  // tokens that a format reads at once: their logits are kept
constexpr int64_t kUsualContext = 1024;

/// How a format's weights are made: packed from the stored ones, or first put into GGML's blocks.
struct Format {
  std::string name;
  WeightFormat packed = WeightFormat::kStored;
  std::optional<DType> blocks = {};
};

std::vector<Format> known_formats() {
  std::vector<Format> formats;
  for (const auto& [text, format] : enum_names(WeightFormat{})) formats.push_back({text, format});
  for (const auto dtype : {DType::kQ8_0, DType::kQ4_0}) {
    formats.push_back({std::string(name(dtype)), WeightFormat::kStored, dtype});
  }
  return formats;
}

Format format_named(std::string_view wanted) {
  std::vector<std::string> names;
  for (const auto& format : known_formats()) {
    if (format.name == wanted) return format;
    names.push_back(format.name);
  }
  fail(Key{"formats"}, ": '", printable(wanted), "' is no format; expected some of ", join(names),
       ", with commas between");
}

std::vector<Format> parse_formats(const std::string& text) {
  std::vector<Format> formats;
  for (std::string_view rest = text;; rest.remove_prefix(rest.find(',') + 1)) {
    const auto format = format_named(rest.substr(0, rest.find(',')));
    const bool twice = std::any_of(formats.begin(), formats.end(),
                                   [&](const Format& other) { return other.name == format.name; });
    require(!twice, Key{"formats"}, ": ", format.name, " is given twice; remove one");
    formats.push_back(format);
    if (rest.find(',') == rest.npos) return formats;
  }
}

torch::Tensor dense_rows(const LayerTensors& layer) {
  std::vector<torch::Tensor> parts;
  for (const auto& part : layer.weight) {
    const auto* blocks = std::get_if<QuantizedTensor>(&part);
    parts.push_back(blocks ? blocks->dequantize()
                           : std::get<torch::Tensor>(part).to(torch::kFloat32));
  }
  return at::cat(parts).contiguous();
}

/// The model as llama.cpp quantises it: matrices in blocks, in float16 where a row is not whole
/// blocks; vectors and positions as they are. Its q4_0 keeps the head, and an embedding that is
/// the head, in 8 bits.
LayerSource in_blocks(const LayerSource& layers, DType dtype, bool tied) {
  return [=](const std::string& name) {
    auto layer = layers(name);
    const auto values = dense_rows(layer);
    if (values.dim() != 2 || name == "position_embedding") return layer;
    const bool is_head = name == "head" || (tied && name == "token_embedding");
    const auto type = is_head ? DType::kQ8_0 : dtype;
    const bool whole = values.size(1) % static_cast<int64_t>(block_of(type).elements) == 0;
    layer.weight = {whole ? MatrixPart(quantize(type, values)) : values.to(torch::kFloat16)};
    return layer;
  };
}

/// A model in one format, what it has read of the window, and its measurements so far.
class Candidate {
 public:
  Candidate(const Format& format, const LanguageModelLayers& source, int64_t context, int threads)
      : name_(format.name),
        model_(source.config,
               format.blocks
                   ? in_blocks(source.layers, *format.blocks, source.config.tie_embeddings)
                   : source.layers,
               {.format = format.packed, .threads = threads, .most_rows = kRows}),
        pool_(model_.layout(), context / kPageTokens + 2),
        logits_(static_cast<size_t>(kRows * source.config.vocab_size)) {}

  const std::string& name() const { return name_; }
  DecodingModel& model() { return model_; }
  DivergenceSum& sum() { return sum_; }

  void begin_window() { sequence_ = {}; }
  /// Reads at most kRows tokens; logits(i) are those behind the i-th.
  void read(std::span<const int32_t> ids) {
    sequence_.grow(pool_, std::ssize(ids));
    const DecodingModel::Chunk chunk{&sequence_, ids, std::ssize(ids)};
    model_.step({&chunk, 1}, [&](int64_t, int64_t token, std::span<const float> logits) {
      std::copy(logits.begin(), logits.end(), logits_.begin() + token * std::ssize(logits));
    });
  }
  std::span<const float> logits(size_t row) const {
    const auto width = static_cast<size_t>(model_.config().vocab_size);
    return std::span(logits_).subspan(row * width, width);
  }

 private:
  std::string name_;
  DecodingModel model_;
  KvPagePool pool_;
  KvSequence sequence_;
  std::vector<float> logits_;  // (kRows,V)
  DivergenceSum sum_;
};

/// The candidates; the first is the reference.
using Candidates = std::vector<std::unique_ptr<Candidate>>;

constexpr int32_t kIgnored = -1;

/// All candidates read the same tokens; then each is compared with the reference behind each token
/// that has a target.
void read_rows(const Candidates& candidates, std::span<const int32_t> ids,
               std::span<const int32_t> targets, const std::string& where) {
  const auto& reference = *candidates.front();
  for (const auto& candidate : candidates) {
    candidate->read(ids);
    std::vector<PositionMetrics> metrics(ids.size());
    parallel_for(ids.size(), candidate->model().threads(), [&](size_t i) {
      if (targets[i] == kIgnored) return;
      metrics[i] = compare_logits(reference.logits(i), candidate->logits(i), targets[i]);
    });
    for (size_t i = 0; i < ids.size(); ++i) {
      if (targets[i] == kIgnored) continue;
      require(std::isfinite(metrics[i].loss), where, ": the model's results in ", candidate->name(),
              " are NaN or infinite");
      candidate->sum().add(metrics[i]);
    }
  }
}

/// Windows of `context` tokens, one behind the other; a window's last target is the next one's
/// first token.
void read_text(const Candidates& candidates, const std::vector<int32_t>& ids,
               const std::vector<int32_t>& targets, int64_t context, const std::string& where) {
  Progress progress("comparing", std::ssize(targets), "tokens");
  const auto window = static_cast<size_t>(context);
  for (size_t begin = 0; begin < targets.size();) {
    if (begin % window == 0) {
      for (const auto& candidate : candidates) candidate->begin_window();
    }
    const auto count =
        std::min({static_cast<size_t>(kRows), window - begin % window, targets.size() - begin});
    stop_if_asked(concat("stopped after ", begin, " of ", targets.size(), " tokens"));
    read_rows(candidates, std::span(ids).subspan(begin, count),
              std::span(targets).subspan(begin, count), where);
    begin += count;
    progress.update(static_cast<int64_t>(begin));
  }
}

/// At most config.tokens tokens of the text, with the one that begins it.
std::vector<int32_t> read_ids(const FormatsConfig& config, const Tokenizer& tokenizer) {
  const auto corpus = load_corpus({.train = {config.text},
                                   .validation_fraction = 0,
                                   .allow_special = config.allow_special,
                                   .begin_texts = true},
                                  tokenizer);
  std::vector<int64_t> all(static_cast<size_t>(corpus.train.size()));
  corpus.train.copy(0, all);
  const auto begin = tokenizer.begin_of_text();
  if (begin && !all.empty() && all.front() != *begin) all.insert(all.begin(), *begin);
  if (config.tokens > 0) all.resize(std::min(all.size(), static_cast<size_t>(config.tokens)));
  return {all.begin(), all.end()};
}

/// The token behind each but the last; not those that only begin a text.
std::vector<int32_t> targets_of(const std::vector<int32_t>& ids, const Tokenizer& tokenizer) {
  std::vector<int32_t> targets(ids.begin() + 1, ids.end());
  const auto begin = tokenizer.begin_of_text();
  if (begin && begin != tokenizer.end_of_text()) {
    std::replace(targets.begin(), targets.end(), int32_t{*begin}, kIgnored);
  }
  return targets;
}

int64_t window_of(const FormatsConfig& config, int64_t context_length) {
  require(config.context <= context_length, Key{"context"}, ": ", config.context,
          " is longer than the model's ", context_length);
  return config.context > 0 ? config.context : std::min(kUsualContext, context_length);
}

void validate(const FormatsConfig& config) {
  require(!config.model.empty(), "no model; name a folder or gpt2, gpt2-medium ... with ",
          Key{"model"});
  require(!config.text.empty(), "no text; name a file with ", Key{"text"});
  require(config.tokens == 0 || config.tokens >= 2, Key{"tokens"}, ": ", config.tokens,
          " is out of range; expected at least 2, or 0 for all");
  require(config.context >= 0, Key{"context"}, ": ", config.context,
          " is out of range; expected 0 or more");
}

OrderedJson to_json(Candidate& candidate, const DivergenceMetrics& reference) {
  const auto mean = candidate.sum().mean();
  auto& model = candidate.model();
  const int64_t prompt = std::min<int64_t>(8, model.config().context_length / 2);
  const double speed = decode_tokens_per_second(
      model, {.new_tokens = 33, .prompt_tokens = prompt, .prefill_tokens = 1});
  return {{"format", candidate.name()},
          {"weights", model.describe_weights()},
          {"loss", mean.loss},
          {"perplexity", mean.perplexity},
          {"perplexity_change", std::expm1(mean.loss - reference.loss)},
          {"divergence", mean.divergence},
          {"divergence_error", mean.divergence_error},
          {"same_top", mean.same_top},
          {"bytes", model.bytes_per_token()},
          {"decode_tokens_per_second", speed}};
}

std::string percent(double share) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f %%", 100 * share);
  return text.data();
}

}  // namespace

OrderedJson run_formats(const FormatsConfig& config, int threads) {
  validate(config);
  const auto formats = parse_formats(config.formats);
  set_threads(threads);
  watch_stop_signals();
  const auto source = open_layers(config.model.text);
  const int64_t context = window_of(config, source.config.context_length);
  const auto ids = read_ids(config, *source.tokenizer);
  require(ids.size() >= 2, config.text.string(), ": the text has ", ids.size(),
          " token(s); at least 2 are needed to predict one");
  Candidates candidates;
  for (const auto& format : formats) {
    candidates.push_back(std::make_unique<Candidate>(format, source, context,
                                                     threads > 0 ? threads : physical_cores()));
  }
  check_mapped_files();
  read_text(candidates, ids, targets_of(ids, *source.tokenizer), context, source.where);
  const auto reference = candidates.front()->sum().mean();
  require(reference.tokens > 0, config.text.string(),
          ": the text has nothing to predict but tokens that begin a text");
  auto& model = candidates.front()->model();
  OrderedJson result = {{"tokens", reference.tokens},   {"context", context},
                        {"reference", formats[0].name}, {"kernels", model.kernels().name},
                        {"threads", model.threads()},   {"formats", OrderedJson::array()}};
  for (const auto& candidate : candidates) {
    result["formats"].push_back(to_json(*candidate, reference));
  }
  return result;
}

std::string formats_table(const OrderedJson& result) {
  std::string text =
      concat(result.at("tokens").get<int64_t>(), " tokens in windows of ",
             result.at("context").get<int64_t>(), "; changes and KL divergence against ",
             result.at("reference").get<std::string>(), "; ", result.at("threads").get<int>(),
             " threads\n");
  std::array<char, 160> line{};
  std::snprintf(line.data(), line.size(), "%-9s %10s %9s  %-22s %9s %9s %9s\n", "format",
                "perplexity", "change", "KL divergence", "same top", "bytes", "tokens/s");
  text += line.data();
  for (const auto& row : result.at("formats")) {
    const auto number = [&](const char* key) { return row.at(key).get<double>(); };
    std::snprintf(line.data(), line.size(), "%-9s %10.4f %9s  %8.6f +- %8.6f  %9s %9s %9.1f\n",
                  row.at("format").get<std::string>().c_str(), number("perplexity"),
                  percent(number("perplexity_change")).c_str(), number("divergence"),
                  number("divergence_error"), percent(number("same_top")).c_str(),
                  format_bytes(number("bytes")).c_str(), number("decode_tokens_per_second"));
    text += line.data();
  }
  return text;
}

}  // namespace gptkit
