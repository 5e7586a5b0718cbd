#pragma once
// The values for the sections of a classifier report's page (templates/classifier_report.html).
// Labels and names from outside are made visible here and escaped by the template.

#include <string>

#include "report/classifier_report.h"
#include "report/page_template.h"

namespace gptkit {

/// A label of the classifier, at most `most` characters of it.
std::string label_of(const ClassifierReport& report, int64_t label, size_t most = 60);

void set_results(PageValues& page, const ClassifierReport& report);
void set_comparison(PageValues& page, const ClassifierReport& report);
void set_mistakes(PageValues& page, const ClassifierReport& report);
void set_threshold(PageValues& page, const ClassifierReport& report);
void set_calibration(PageValues& page, const ClassifierReport& report);
void set_confusion(PageValues& page, const ClassifierReport& report);
void set_classes(PageValues& page, const ClassifierReport& report);
void set_data(PageValues& page, const ClassifierReport& report);
void set_training(PageValues& page, const ClassifierReport& report);

}  // namespace gptkit
