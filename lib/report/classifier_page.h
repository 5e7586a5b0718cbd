#pragma once
// A classifier's report as one page: no script, no other file, no network; a content security
// policy forbids both. Texts and labels are untrusted: all are made visible (report/format.h) and
// escaped.

#include <string>

#include "report/classifier_report.h"

namespace gptkit {

/// A complete HTML document in UTF-8. With more than 15 classes it shows the most frequent
/// confusions instead of the matrix, and with more than 100 the tables have the first hundred.
/// Texts are cut to their first 600 characters.
std::string to_html(const ClassifierReport& report);

}  // namespace gptkit
