#include "tasks/classify.h"

#include <torch/types.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <istream>
#include <numeric>
#include <ostream>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "base/progress.h"
#include "eval/classification_report.h"
#include "model/device.h"

namespace gptkit {

namespace {

struct Row {
  std::vector<TokenId> ids;
  bool truncated = false;
};

std::vector<Row> tokenized(const TextClassifier& model, const std::vector<std::string>& texts) {
  std::vector<Row> rows;
  for (const auto& text : texts) {
    Row row{encode_text(*model.tokenizer, text)};
    row.truncated = static_cast<int64_t>(row.ids.size()) > model.max_tokens;
    if (row.truncated) row.ids.resize(static_cast<size_t>(model.max_tokens));
    if (row.ids.empty()) row.ids.push_back(model.pad_id);
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

std::vector<Prediction> classify(const TextClassifier& model, const std::vector<std::string>& texts,
                                 int64_t batch_size) {
  require(batch_size >= 1, "batch size: ", batch_size, " is out of range; expected at least 1");
  torch::InferenceMode inference;
  auto classifier = model.classifier;
  const auto device = classifier->gpt()->device();
  const auto rows = tokenized(model, texts);
  // Neighbours in length share a batch, so little is spent on padding; the answers are put back in
  // the order of the texts. last_position pooling reads the padding: it is always padded in full.
  const bool full = classifier->pooling() == Pooling::kLastPosition;
  std::vector<size_t> order(rows.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return rows[a].ids.size() < rows[b].ids.size(); });

  std::vector<Prediction> predictions(rows.size());
  for (size_t begin = 0; begin < order.size(); begin += static_cast<size_t>(batch_size)) {
    const size_t end = std::min(order.size(), begin + static_cast<size_t>(batch_size));
    const auto B = static_cast<int64_t>(end - begin);
    const auto T = full ? model.max_tokens : static_cast<int64_t>(rows[order[end - 1]].ids.size());
    auto ids = torch::full({B, T}, model.pad_id, torch::kInt64);
    auto lengths = torch::empty({B}, torch::kInt64);
    for (int64_t b = 0; b < B; ++b) {
      const auto& row = rows[order[begin + static_cast<size_t>(b)]].ids;
      std::copy(row.begin(), row.end(), ids.mutable_data_ptr<int64_t>() + b * T);
      lengths.mutable_data_ptr<int64_t>()[b] = static_cast<int64_t>(row.size());
    }
    const auto probabilities = classifier(ids.to(device), lengths.to(device))
                                   .softmax(-1)
                                   .to(torch::kCPU, torch::kFloat64)
                                   .contiguous();  // (B,n_class)
    const int64_t n = probabilities.size(1);
    for (int64_t b = 0; b < B; ++b) {
      const double* from = probabilities.const_data_ptr<double>() + b * n;
      auto& prediction = predictions[order[begin + static_cast<size_t>(b)]];
      prediction.probabilities.assign(from, from + n);
      prediction.label = std::max_element(from, from + n) - from;
      prediction.probability = from[prediction.label];
      prediction.truncated = rows[order[begin + static_cast<size_t>(b)]].truncated;
    }
  }
  return predictions;
}

namespace {

constexpr size_t kChunk = 256;  // texts in memory at once when they are streamed

/// One line: a tab, newline or backslash of the text is escaped.
std::string escaped(const std::string& text) {
  std::string line;
  for (const char c : text) {
    switch (c) {
      case '\t':
        line += "\\t";
        break;
      case '\n':
        line += "\\n";
        break;
      case '\r':
        line += "\\r";
        break;
      case '\\':
        line += "\\\\";
        break;
      default:
        line += c;
    }
  }
  return line;
}

class Classifying {
 public:
  Classifying(const ClassifyConfig& config, bool json, std::ostream& out)
      : config_(config), json_(json), out_(out), model_(load_text_classifier(config.model.text)) {
    model_.classifier->to(resolve_device(config.device));
  }
  ~Classifying() {
    if (truncated_ > 0) {
      log_warning(truncated_, " text(s) were cut to the classifier's ", model_.max_tokens,
                  " tokens");
    }
  }
  Classifying(const Classifying&) = delete;
  Classifying& operator=(const Classifying&) = delete;

  const TextClassifier& model() const { return model_; }

  std::vector<Prediction> predict(const std::vector<std::string>& texts) {
    auto predictions = classify(model_, texts, config_.batch_size);
    for (const auto& prediction : predictions) truncated_ += prediction.truncated;
    return predictions;
  }

  void print(const std::vector<std::string>& texts) {
    const auto predictions = predict(texts);
    for (size_t i = 0; i < texts.size(); ++i) print_one(texts[i], predictions[i]);
    out_.flush();
  }

 private:
  void print_one(const std::string& text, const Prediction& prediction) {
    const auto& label = model_.labels[static_cast<size_t>(prediction.label)];
    if (!json_) {
      char probability[16];
      std::snprintf(probability, sizeof probability, "%.4f", prediction.probability);
      out_ << label << '\t' << probability << '\t' << escaped(text) << '\n';
      return;
    }
    OrderedJson row = {{"label", label}, {"probability", prediction.probability}};
    for (size_t c = 0; c < model_.labels.size(); ++c) {
      row["probabilities"][model_.labels[c]] = prediction.probabilities[c];
    }
    row["truncated"] = prediction.truncated;
    row["text"] = text;
    out_ << dump_json(row) << '\n';
  }

  const ClassifyConfig& config_;
  bool json_;
  std::ostream& out_;
  TextClassifier model_;
  int64_t truncated_ = 0;
};

void print_lines(Classifying& classifying, std::istream& in) {
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(std::move(line));
    // A person typing gets an answer a line; a pipe that is full goes on in chunks.
    if (lines.size() < kChunk && in.rdbuf()->in_avail() > 0) continue;
    classifying.print(lines);
    lines.clear();
  }
  if (!lines.empty()) classifying.print(lines);
}

bool is_table(const std::filesystem::path& path) {
  const auto extension = path.extension();
  return extension == ".tsv" || extension == ".csv" || extension == ".jsonl" ||
         extension == ".json";
}

std::vector<TableRow> read_table(const ClassifyConfig& config) {
  return read_labelled_table(config.input, {.text_column = config.text_column,
                                            .label_column = config.label_column,
                                            .header = config.header,
                                            .quotes = !config.raw_quotes});
}

/// Calls `handle` with up to kChunk rows at a time, showing progress.
void in_chunks(const std::vector<TableRow>& rows,
               const std::function<void(size_t, size_t)>& handle) {
  Progress progress("classifying", static_cast<int64_t>(rows.size()), "texts");
  for (size_t begin = 0; begin < rows.size(); begin += kChunk) {
    const size_t end = std::min(rows.size(), begin + kChunk);
    handle(begin, end);
    progress.update(static_cast<int64_t>(end));
  }
}

std::vector<std::string> texts_of(const std::vector<TableRow>& rows, size_t begin, size_t end) {
  std::vector<std::string> texts;
  for (size_t i = begin; i < end; ++i) texts.push_back(rows[i].text);
  return texts;
}

void evaluate_table(Classifying& classifying, const ClassifyConfig& config, bool json,
                    std::ostream& out) {
  const auto rows = read_table(config);
  const auto& labels = classifying.model().labels;
  std::vector<int64_t> truth, predicted;
  for (const auto& row : rows) {
    const auto found = std::find(labels.begin(), labels.end(), row.label);
    require(found != labels.end(), config.input.string(), ":", row.line, ": label '", row.label,
            "' is not one of the classifier's (", labels.front(), " ... ", labels.back(),
            "); is it another column? See --label-column");
    truth.push_back(found - labels.begin());
  }
  in_chunks(rows, [&](size_t begin, size_t end) {
    for (const auto& p : classifying.predict(texts_of(rows, begin, end))) {
      predicted.push_back(p.label);
    }
  });
  const auto report = classification_report(truth, predicted, labels);
  out << (json ? dump_json(to_json(report)) + "\n" : to_text(report));
}

}  // namespace

void run_classify(const ClassifyConfig& config, const std::vector<std::string>& texts, bool json,
                  int threads, std::istream& in, std::ostream& out) {
  require(!config.model.empty(), "no model; name a classifier's folder with --model");
  require(texts.empty() || config.input.empty(),
          "texts and --input are both given; choose one of them");
  require(!config.evaluate || !config.input.empty(),
          "--evaluate needs a labelled file: --input FILE");
  require(config.batch_size >= 1, "batch-size: ", config.batch_size,
          " is out of range; expected at least 1");
  set_threads(threads);
  if (!config.input.empty() && !is_table(config.input)) {
    require(!config.evaluate, config.input.string(),
            ": --evaluate needs labels; expected a .tsv, .csv, .jsonl or .json file");
    const MappedFile readable(config.input);  // missing, a folder, no permission: says so
  }
  Classifying classifying(config, json, out);
  if (config.evaluate) return evaluate_table(classifying, config, json, out);
  if (!texts.empty()) return classifying.print(texts);
  if (config.input.empty()) return print_lines(classifying, in);
  if (is_table(config.input)) {
    const auto rows = read_table(config);
    in_chunks(rows,
              [&](size_t begin, size_t end) { classifying.print(texts_of(rows, begin, end)); });
    return;
  }
  std::ifstream lines(config.input);
  print_lines(classifying, lines);
}

}  // namespace gptkit
