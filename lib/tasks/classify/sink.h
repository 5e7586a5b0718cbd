#pragma once
// The destination of labelled texts: writes them, or compares them with the labels of the rows.

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>

#include "data/tables/table.h"
#include "tasks/classify/classify.h"
#include "tasks/classify/labeller.h"
#include "tasks/classify/prediction.h"

namespace gptkit {

class Sink {
 public:
  virtual ~Sink() = default;
  /// Before the label is known: fails for a row that cannot be used.
  virtual void check(const TableRow&) {}
  virtual void take(const TableRow& row, const Prediction& prediction) = 0;
  virtual void flush() {}
  virtual void finish(int64_t) {}
  /// After a signal: the message about the result so far.
  virtual std::string stop() = 0;

  int64_t taken = 0;  ///< rows so far
};

/// With config.evaluate compares, else writes one line or JSON object per text, and the page of
/// explanations. `numbered`: the texts are rows of a table. All arguments outlive the sink.
std::unique_ptr<Sink> make_sink(const ClassifyConfig& config, const ClassifyRequest& request,
                                const Labeller& labeller, bool numbered, std::ostream& out);

}  // namespace gptkit
