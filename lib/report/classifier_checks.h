#pragma once
// Checks of the input of a classifier's report (report/classifier_report.h). Every error names
// split and row.

#include <cstddef>
#include <string>
#include <vector>

#include "report/classifier_report.h"

namespace gptkit {

/// Fails unless there are `expected` rows of `n_class` probabilities, each adding up to 1 within
/// 0.001 (they may come from bfloat16). `where` opens the message.
void check_probabilities(const ProbabilityRows& rows, size_t expected, size_t n_class,
                         const std::string& where);

/// The splits that have rows, in the order train, validation, test.
std::vector<const SplitPredictions*> checked_splits(const ClassifierReportInput& input);

}  // namespace gptkit
