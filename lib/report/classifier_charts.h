#pragma once
// The charts of a classifier's report, as HTML.

#include <string>

#include "report/classifier_report.h"

namespace gptkit {

/// Loss and accuracy over the training steps; empty without metrics.
std::string training_charts(const ClassifierReport& report);

/// ROC and precision-recall with the chosen threshold, and both again near the perfect corner when
/// all of them lies there. With a positive class a curve a split, else one for each of the six most
/// frequent classes of the main split. Empty where undefined.
std::string ranking_charts(const ClassifierReport& report);

/// Confidence against accuracy on the main split, before and after the temperature.
std::string reliability_charts(const ClassifierReport& report);

}  // namespace gptkit
