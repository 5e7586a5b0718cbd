#pragma once
// A classifier's report as one page: no script, no other file, no network; a content security
// policy forbids both. Texts and labels come from strangers: all are made visible
// (report/format.h) and escaped.

#include <string>

#include "report/classifier_report.h"

namespace gptkit {

/// A whole HTML document in UTF-8. Of more than 15 classes the most frequent confusions stand for
/// the matrix, of more than 100 the tables name the first hundred; of a text its first 600
/// characters.
std::string to_html(const ClassifierReport& report);

}  // namespace gptkit
