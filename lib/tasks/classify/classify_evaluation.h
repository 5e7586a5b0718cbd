#pragma once
// classify --evaluate: predictions compared with the labels that the rows bring.

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
  /// Of the rows so far, at least one.
  virtual std::string text() const = 0;
  virtual OrderedJson json() const = 0;
};

/// For a multi-label model the label column has labels with commas between, a JSON list of them, or
/// nothing; with one label also 0 or 1. For a regression it has a number, or one for each output
/// with commas between. `input` is the file that messages name; `labels` outlive the result.
std::unique_ptr<Evaluation> make_evaluation(const std::string& input,
                                            const std::vector<std::string>& labels,
                                            ProblemType type);

}  // namespace gptkit
