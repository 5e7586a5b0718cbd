#pragma once
// The parts of a report's page (report/classifier_page.h), each an HTML fragment with its heading,
// or nothing where there is nothing to say.

#include <string>

#include "report/classifier_report.h"

namespace gptkit {

std::string splits_section(const ClassifierReport& report);
std::string baselines_section(const ClassifierReport& report);
std::string threshold_section(const ClassifierReport& report);
std::string calibration_section(const ClassifierReport& report);
std::string confusion_section(const ClassifierReport& report);
std::string classes_section(const ClassifierReport& report);
std::string mistakes_section(const ClassifierReport& report);
std::string data_section(const ClassifierReport& report);
std::string training_section(const ClassifierReport& report);

}  // namespace gptkit
