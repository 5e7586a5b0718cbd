#include "tasks/classify/classify_evaluation.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "base/error.h"
#include "report/metrics_report.h"

namespace gptkit {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(' ');
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

/// The fields of a cell: the elements of a JSON list, or values separated by commas. An empty cell
/// has none.
std::vector<std::string> fields_of(const std::string& cell, const std::string& where) {
  if (trimmed(cell).empty()) return {};
  std::vector<std::string> fields;
  if (trimmed(cell).front() == '[') {
    for (const auto& item : parse_json(cell, where)) {
      fields.push_back(item.is_string() ? item.get<std::string>() : dump_json(item));
    }
    return fields;
  }
  for (size_t begin = 0; begin <= cell.size();) {
    const auto end = std::min(cell.find(',', begin), cell.size());
    fields.emplace_back(trimmed(std::string_view(cell).substr(begin, end - begin)));
    begin = end + 1;
  }
  return fields;
}

class OfAnyKind : public Evaluation {
 public:
  OfAnyKind(std::string input, const std::vector<std::string>& labels)
      : labels_(labels), input_(std::move(input)) {}

 protected:
  const std::vector<std::string>& labels_;

  std::string place(const TableRow& row) const { return concat(input_, ":", row.line); }
  /// The index of a label. Fails if the classifier does not have it.
  int64_t number_of(const std::string& label, const TableRow& row) const {
    const auto found = std::find(labels_.begin(), labels_.end(), label);
    require(found != labels_.end(), place(row), ": label '", printable(label),
            "' is not one of the classifier's (", printable(labels_.front()), " ... ",
            printable(labels_.back()), "); is it another column? See ", Key{"label_column"});
    return found - labels_.begin();
  }

 private:
  std::string input_;
};

class SingleLabel final : public OfAnyKind {
 public:
  using OfAnyKind::OfAnyKind;
  void check(const TableRow& row) const override { number_of(row.label, row); }
  void add(const TableRow& row, const Prediction& prediction) override {
    truth_.push_back(number_of(row.label, row));
    predicted_.push_back(prediction.label);
  }
  std::string text() const override { return to_text(metrics()); }
  OrderedJson json() const override { return to_json(metrics()); }

 private:
  std::vector<int64_t> truth_, predicted_;
  ClassificationMetrics metrics() const {
    return classification_metrics(truth_, predicted_, labels_);
  }
};

class MultiLabel final : public OfAnyKind {
 public:
  using OfAnyKind::OfAnyKind;
  void check(const TableRow& row) const override { labels_of(row); }
  void add(const TableRow& row, const Prediction& prediction) override {
    truth_.push_back(labels_of(row));
    predicted_.push_back(prediction.labels);
  }
  std::string text() const override { return to_text(metrics()); }
  OrderedJson json() const override { return to_json(metrics()); }

 private:
  std::vector<LabelSet> truth_, predicted_;
  MultiLabelMetrics metrics() const { return multi_label_metrics(truth_, predicted_, labels_); }

  LabelSet labels_of(const TableRow& row) const {
    const bool whole = std::find(labels_.begin(), labels_.end(), row.label) != labels_.end();
    if (whole) return {number_of(row.label, row)};  // a label may have a comma
    if (labels_.size() == 1 && row.label == "0") return {};
    if (labels_.size() == 1 && row.label == "1") return {0};
    LabelSet set;
    for (const auto& field : fields_of(row.label, place(row))) set.push_back(number_of(field, row));
    std::sort(set.begin(), set.end());
    set.erase(std::unique(set.begin(), set.end()), set.end());
    return set;
  }
};

class Regression final : public OfAnyKind {
 public:
  using OfAnyKind::OfAnyKind;
  void check(const TableRow& row) const override { values_of(row); }
  void add(const TableRow& row, const Prediction& prediction) override {
    truth_.push_back(values_of(row));
    predicted_.push_back(prediction.probabilities);
  }
  std::string text() const override { return to_text(metrics()); }
  OrderedJson json() const override { return to_json(metrics()); }

 private:
  std::vector<std::vector<double>> truth_, predicted_;
  RegressionMetrics metrics() const { return regression_metrics(truth_, predicted_); }

  std::vector<double> values_of(const TableRow& row) const {
    const auto fields = fields_of(row.label, place(row));
    require(fields.size() == labels_.size(), place(row), ": the label column has ", fields.size(),
            " values ('", printable(row.label), "'), but this regression gives ", labels_.size(),
            "; is it another column? See ", Key{"label_column"});
    std::vector<double> values;
    for (const auto& field : fields) {
      double value = 0;
      const auto end = std::from_chars(field.data(), field.data() + field.size(), value);
      require(
          end.ec == std::errc() && end.ptr == field.data() + field.size() && std::isfinite(value),
          place(row), ": label '", printable(field),
          "' is not a number, but this model is a regression; see ", Key{"label_column"});
      values.push_back(value);
    }
    return values;
  }
};

}  // namespace

std::unique_ptr<Evaluation> make_evaluation(const std::string& input,
                                            const std::vector<std::string>& labels,
                                            ProblemType type) {
  switch (type) {
    case ProblemType::kSingleLabel:
      return std::make_unique<SingleLabel>(input, labels);
    case ProblemType::kMultiLabel:
      return std::make_unique<MultiLabel>(input, labels);
    case ProblemType::kRegression:
      return std::make_unique<Regression>(input, labels);
  }
  return nullptr;
}

}  // namespace gptkit
