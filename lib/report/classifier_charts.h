#pragma once
// The charts of a classifier's report, as figures of its page.

#include "report/classifier_report.h"
#include "report/page_template.h"

namespace gptkit {

/// Loss and accuracy over the training steps; empty without metrics.
Html training_charts(const ClassifierReport& report);

/// ROC and precision-recall with the chosen threshold, and both again near the perfect corner if
/// all curves are there. With a positive class one curve per split, else one for each of the six
/// most frequent classes of the main split. Empty where undefined.
Html ranking_charts(const ClassifierReport& report);

/// Confidence against accuracy on the main split, before and after the temperature.
Html reliability_charts(const ClassifierReport& report);

}  // namespace gptkit
