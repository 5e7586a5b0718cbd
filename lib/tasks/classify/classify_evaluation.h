#pragma once
// classify --evaluate: compares predictions with the labels of the rows.

#include <memory>
#include <string>
#include <vector>

#include "base/json.h"
#include "data/tables/table_reader.h"
#include "tasks/classify/prediction.h"
#include "weights/bundle.h"

namespace gptkit {

class Evaluation {
 public:
  virtual ~Evaluation() = default;
  /// Fails for a row whose label cannot be compared.
  virtual void check(const TableRow& row) const = 0;
  virtual void add(const TableRow& row, const Prediction& prediction) = 0;
  /// The result for the rows so far, at least one.
  virtual std::string text() const = 0;
  virtual OrderedJson json() const = 0;
};

/// For a multi-label model the label column has labels separated by commas, a JSON list of labels,
/// or nothing; with one label also 0 or 1. For a regression it has one number per output, separated
/// by commas. `input` is the file named in messages; `labels` must outlive the result.
std::unique_ptr<Evaluation> make_evaluation(const std::string& input,
                                            const std::vector<std::string>& labels,
                                            ProblemType type);

}  // namespace gptkit
