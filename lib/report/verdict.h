#pragma once
// What a report amounts to, in sentences anybody can read.

#include <vector>

#include "report/classifier_report.h"

namespace gptkit {

/// The most important first: a missing test split, simpler methods that are not beaten, how often
/// the classifier is right; then threshold, calibration, and what may have flattered the metrics.
std::vector<Finding> verdict_of(const ClassifierReport& report);

}  // namespace gptkit
