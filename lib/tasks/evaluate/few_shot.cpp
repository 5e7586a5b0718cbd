#include "tasks/evaluate/few_shot.h"

#include <torch/types.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "base/error.h"
#include "base/log.h"
#include "base/stop.h"
#include "data/random_order.h"
#include "tasks/classify/row_stream.h"
#include "tensors/device.h"
#include "tensors/finite.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

constexpr const char* kNothing[] = {"N/A", "[MASK]", ""};  // texts that tell no label
constexpr int64_t kFirstCapacity = 1024;  // tokens; the cache grows to what a prompt needs

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != text.npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string on_one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

size_t common_prefix(std::span<const TokenId> a, std::span<const TokenId> b) {
  const auto n = std::min(a.size(), b.size());
  return static_cast<size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(n), b.begin()).first -
      a.begin());
}

double log_sum_exp(const std::vector<double>& scores) {
  const double most = *std::max_element(scores.begin(), scores.end());
  double sum = 0;
  for (const auto score : scores) sum += std::exp(score - most);
  return most + std::log(sum);
}

std::vector<double> log_softmax(std::vector<double> scores) {
  const double sum = log_sum_exp(scores);
  for (auto& score : scores) score -= sum;
  return scores;
}

std::vector<double> softmax(std::vector<double> scores) {
  scores = log_softmax(std::move(scores));
  for (auto& score : scores) score = std::exp(score);
  return scores;
}

}  // namespace

void validate_labels(const std::vector<std::string>& labels) {
  require(labels.size() >= 2, "labels: ", labels.size(), " given (", printable(join(labels)),
          "); expected at least two, for example --labels spam,ham");
  std::set<std::string> seen;
  for (const auto& label : labels) {
    require(!label.empty(), "labels: one is empty; expected names, for example spam,ham");
    require(seen.insert(label).second, "labels: '", printable(label), "' is given twice");
  }
}

std::vector<std::string> split_labels(std::string_view given) {
  std::vector<std::string> labels;
  for (bool more = !given.empty(); more;) {
    const auto comma = given.find(',');
    auto label = given.substr(0, comma);
    label.remove_prefix(std::min(label.find_first_not_of(' '), label.size()));
    labels.emplace_back(label.substr(0, label.find_last_not_of(' ') + 1));
    more = comma != given.npos;
    if (more) given.remove_prefix(comma + 1);
  }
  return labels;
}

LabelledRows read_labelled_rows(const std::filesystem::path& path, const TableOptions& options,
                                const std::vector<std::string>& labels, bool strict) {
  const auto named = format_of(path);
  const auto format = named == TableFormat::kLines ? TableFormat::kTsv : named;
  RowStream stream(TableReader(path, {.columns = options, .format = format}), {.strict = strict});
  std::vector<TableRow> rows;
  for (auto some = stream.next(); !some.empty(); some = stream.next()) {
    std::move(some.begin(), some.end(), std::back_inserter(rows));
  }
  stream.finish();
  require(!rows.empty(), path.string(), ": no rows");

  LabelledRows result{labels, {}};
  if (labels.empty()) {
    std::set<std::string> found;
    for (const auto& row : rows) found.insert(row.label);
    require(found.size() <= 1000, path.string(), ": ", found.size(),
            " different labels; is the label column the right one? See --label-column");
    result.labels.assign(found.begin(), found.end());
  }
  int64_t empty = 0;
  for (auto& row : rows) {
    const auto at = std::find(result.labels.begin(), result.labels.end(), row.label);
    require(at != result.labels.end(), path.string(), row.line > 0 ? concat(":", row.line) : "",
            ": row ", row.row, " has the label '", printable(row.label), "', expected one of ",
            printable(join(result.labels)), "; see --labels and --label-column");
    if (row.text.empty()) {
      ++empty;
    } else {
      result.rows.push_back({std::move(row.text), at - result.labels.begin(), row.row});
    }
  }
  if (empty > 0) log_warning(path.string(), ": ", empty, " row(s) without text are left out");
  return result;
}

std::vector<LabelledText> draw_examples(const LabelledRows& from, int64_t count, uint64_t seed) {
  const auto n_label = std::ssize(from.labels);
  std::vector<std::vector<const LabelledText*>> members(from.labels.size());
  for (const auto& row : from.rows) members[static_cast<size_t>(row.label)].push_back(&row);
  std::vector<std::vector<int64_t>> orders;
  for (int64_t label = 0; label < n_label; ++label) {
    const auto n = std::ssize(members[static_cast<size_t>(label)]);
    orders.push_back(torch_permutation(mixed_seed(seed, static_cast<uint64_t>(label)), n));
  }
  std::vector<LabelledText> drawn;
  for (int64_t round = 0; std::ssize(drawn) < count; ++round) {
    const auto turns = mixed_seed(seed, static_cast<uint64_t>(n_label + round));
    for (const auto label : torch_permutation(turns, n_label)) {
      if (std::ssize(drawn) == count) break;
      const auto& order = orders[static_cast<size_t>(label)];
      require(round < std::ssize(order), "examples: ", count, " shots need at least ", round + 1,
              " rows of each label, but '", from.labels[static_cast<size_t>(label)], "' has ",
              order.size());
      const auto member = static_cast<size_t>(order[static_cast<size_t>(round)]);
      drawn.push_back(*members[static_cast<size_t>(label)][member]);
    }
  }
  return drawn;
}

torch::Tensor PromptCache::log_probabilities(std::span<const TokenId> ids, int64_t n_last) {
  torch::InferenceMode inference;
  const auto n = std::ssize(ids), context = gpt_->config().context_length;
  require(n_last >= 1 && n_last <= n, "few-shot: ", n_last, " of ", n, " tokens asked for");
  require(n <= context, "few-shot: a prompt of ", n, " tokens in a context of ", context);
  if (!cache_ || cache_->max_tokens() < n) {
    const auto capacity = std::min(context, std::max(kFirstCapacity, 2 * n));
    cache_.emplace(cache_shape(gpt_->config()), /*batch=*/1, capacity,
                   gpt_->token_embedding()->weight.options().requires_grad(false));
    held_.clear();
  }
  // What is asked for is run again even if it is held: its outputs are not.
  const auto shared = std::min(static_cast<int64_t>(common_prefix(held_, ids)), n - n_last);
  cache_->truncate(shared);
  held_.resize(static_cast<size_t>(shared));
  const std::vector<int64_t> fresh(ids.begin() + shared, ids.end());
  tokens_run_ += std::ssize(fresh);
  const auto input = torch::tensor(fresh, torch::kInt64).unsqueeze(0).to(gpt_->device());  // (1,T)
  const auto hidden = gpt_->hidden(input, &*cache_);  // (1,T,C)
  held_.assign(ids.begin(), ids.end());
  const auto last = hidden[0].slice(0, hidden.size(1) - n_last);
  const auto logits = gpt_->logits(last).to(torch::kFloat32).log_softmax(-1);
  require_finite_results(logits, where_);
  return logits.to(torch::kCPU).contiguous();
}

FewShotClassifier::FewShotClassifier(LanguageModel model, const FewShotConfig& config,
                                     LabelledRows shown)
    : model_(std::move(model)),
      config_(config),
      shown_(std::move(shown)),
      cache_(model_.gpt, model_.where) {
  validate_labels(labels());
  for (const auto& a : labels()) {
    for (const auto& b : labels()) one_begins_another_ |= &a != &b && b.starts_with(a);
  }
}

std::string FewShotClassifier::prompt(const std::string& text, int64_t shots) const {
  std::string prompt = replaced(config_.instruction, "{labels}", join(labels()));
  if (!prompt.empty()) prompt += "\n\n";
  for (int64_t i = 0; i < shots; ++i) {
    const auto& example = shown_.rows[static_cast<size_t>(i)];
    prompt += config_.text_name + ": " + on_one_line(example.text) + "\n" + config_.label_name +
              ": " + labels()[static_cast<size_t>(example.label)] + "\n\n";
  }
  return prompt + config_.text_name + ": " + on_one_line(text) + "\n" + config_.label_name + ":";
}

std::vector<std::vector<TokenId>> FewShotClassifier::candidates(const std::string& text,
                                                                int64_t shots) const {
  const auto before = prompt(text, shots);
  std::vector<std::vector<TokenId>> ids;
  for (const auto& label : labels()) {
    // "good" would always beat "good enough": where labels begin alike, their end counts, too.
    const auto end = one_begins_another_ ? "\n" : "";
    ids.push_back(encode_beginning(*model_.tokenizer, before + " " + label + end));
  }
  return ids;
}

std::vector<double> FewShotClassifier::scores(const std::vector<std::vector<TokenId>>& candidates) {
  size_t shared = candidates.front().size();
  for (const auto& ids : candidates) {
    shared = std::min(shared, common_prefix(candidates.front(), ids));
  }
  require(shared >= 1, "few-shot: the prompts have no token in common before their labels");
  const std::span<const TokenId> prompt(candidates.front().data(), shared);
  const auto first = cache_.log_probabilities(prompt, 1);  // (1,V)
  std::vector<double> scores;
  for (const auto& ids : candidates) {
    double score = 0;
    torch::Tensor rows = first;
    if (ids.size() > shared + 1) {
      const auto more = static_cast<int64_t>(ids.size() - shared - 1);
      rows = torch::cat({first, cache_.log_probabilities({ids.data(), ids.size() - 1}, more)});
    }
    const float* from = rows.const_data_ptr<float>();
    for (size_t i = shared; i < ids.size(); ++i) {
      score += from[static_cast<int64_t>(i - shared) * rows.size(1) + ids[i]];
    }
    scores.push_back(score);
  }
  return scores;
}

bool FewShotClassifier::fits(const std::string& text, int64_t shots) const {
  const auto context = model_.gpt->config().context_length;
  const auto all = candidates(text, shots);
  return std::all_of(all.begin(), all.end(), [&](const auto& ids) {
    return std::ssize(ids) - 1 <= context;  // a label's last token is predicted, never read
  });
}

/// The longest beginning of a text that fits without examples, whole characters alone.
std::string FewShotClassifier::cut_to_context(const std::string& text) const {
  const auto beginning = [&](size_t bytes) {
    return text.substr(0, complete_utf8_prefix(std::string_view(text).substr(0, bytes)));
  };
  require(fits("", 0), "few-shot: instruction and labels alone are longer than the model's ",
          model_.gpt->config().context_length, " tokens; shorten --instruction");
  size_t good = 0, bad = text.size();
  while (good + 1 < bad) {
    const size_t middle = good + (bad - good) / 2;
    (fits(beginning(middle), 0) ? good : bad) = middle;
  }
  return beginning(good);
}

const std::vector<double>& FewShotClassifier::log_prior(int64_t shots) {
  if (const auto known = log_prior_.find(shots); known != log_prior_.end()) return known->second;
  // In logarithms: a label that is never likely must not become 0, which nothing divides.
  std::vector<std::vector<double>> found(labels().size());
  for (const char* nothing : kNothing) {
    const auto p = log_softmax(scores(candidates(nothing, shots)));
    for (size_t i = 0; i < p.size(); ++i) found[i].push_back(p[i]);
  }
  std::vector<double> prior;
  for (const auto& label : found) {
    prior.push_back(log_sum_exp(label) - std::log(static_cast<double>(std::size(kNothing))));
  }
  return log_prior_.emplace(shots, std::move(prior)).first->second;
}

Prediction FewShotClassifier::predict(const std::string& text, std::optional<int64_t> most) {
  stop_if_asked("stopped while classifying");
  const auto all_fit = [&](int64_t k) {
    if (!fits(text, k)) return false;
    return !config_.calibrate || std::all_of(std::begin(kNothing), std::end(kNothing),
                                             [&](const char* nothing) { return fits(nothing, k); });
  };
  int64_t k = std::min(most.value_or(shots()), shots());
  while (k > 0 && !all_fit(k)) --k;
  const bool cut = k == 0 && !fits(text, 0);
  auto values = scores(candidates(cut ? cut_to_context(text) : text, k));
  if (config_.calibrate) {
    const auto& prior = log_prior(k);
    for (size_t i = 0; i < values.size(); ++i) values[i] -= prior[i];
  }
  auto prediction = prediction_of(softmax(std::move(values)));
  prediction.truncated = cut;
  prediction.shots = k;
  return prediction;
}

FewShotClassifier make_few_shot_classifier(const std::string& model, const std::string& device,
                                           const FewShotConfig& config, int64_t shots,
                                           const TableOptions& columns, bool strict) {
  LabelledRows shown{split_labels(config.labels), {}};
  if (!shown.labels.empty()) validate_labels(shown.labels);
  require(config.seed >= 0, "seed: ", config.seed, " is out of range; expected 0 or more");
  require(shots >= 0, "shots: ", shots, " is out of range; expected 0 or more");
  require(shots == 0 || !config.examples.empty(), "shots: ", shots,
          " examples need a labelled file; name one with --examples");
  if (!config.examples.empty()) {
    auto table = columns;
    table.labelled = true;
    const auto rows = read_labelled_rows(config.examples, table, shown.labels, strict);
    shown.labels = rows.labels;
    shown.rows = draw_examples(rows, shots, static_cast<uint64_t>(config.seed));
    if (shots == 0)
      log_info("no example is shown; --shots K shows K of ", config.examples.string());
  }
  const auto where = resolve_device(device);
  auto opened = load_language_model(model);
  opened.gpt->to(where);
  return FewShotClassifier(std::move(opened), config, std::move(shown));
}

}  // namespace gptkit
