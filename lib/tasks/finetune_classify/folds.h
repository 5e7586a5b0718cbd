#pragma once
// k-fold cross-validation: trains a classifier k times, so that each row is tested once.

#include <torch/types.h>

#include <vector>

#include "data/tables/classification.h"
#include "tasks/finetune_classify/finetuning.h"

namespace gptkit {

/// Mean, smallest and largest of at least one value.
struct Spread {
  double mean = 0, smallest = 0, largest = 0;
};
Spread spread_of(const std::vector<double>& values);

/// Tests on each fold in turn, in <out>/fold-1 ...; a resumed run keeps finished folds. Writes
/// {"folds": test metrics of each, "accuracy", "f1": {label: ...}: the spread of each} to
/// <out>/report.json.
FinetuneClassifySummary run_folds(const FinetuningJob& job, const TaskRequest& request,
                                  const RunFolderOptions& options);

}  // namespace gptkit
