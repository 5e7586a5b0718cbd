#pragma once
// The verdict of a report in plain sentences.

#include <vector>

#include "report/classifier_report.h"

namespace gptkit {

/// The most important first: a missing test split, simpler methods that are as good, the accuracy;
/// then threshold, calibration, and reasons why the metrics may be too good.
std::vector<Finding> verdict_of(const ClassifierReport& report);

}  // namespace gptkit
