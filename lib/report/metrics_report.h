#pragma once
// Metrics of predictions (eval/classification_metrics.h) as JSON and as a table for people.

#include <string>

#include "base/json.h"
#include "eval/classification_metrics.h"

namespace gptkit {

/// {"rows", "accuracy", "accuracy_interval": [low, high], "macro": {"precision", "recall", "f1"},
/// "classes": {label: {"precision", "recall", "f1", "rows"}}, "confusion": [truth][predicted]}
OrderedJson to_json(const ClassificationMetrics& metrics);
std::string to_text(const ClassificationMetrics& metrics);

/// The metrics of an object that to_json() wrote, maybe with other keys added to it; labels are the
/// keys of "classes". `where` opens the message when it is another object.
ClassificationMetrics classification_metrics_from_json(const OrderedJson& json,
                                                       const std::string& where);

/// {"problem_type", "rows", "exact_match", "micro" and "macro": {"precision", "recall", "f1"},
/// "classes": {label: {"precision", "recall", "f1", "rows"}}}
OrderedJson to_json(const MultiLabelMetrics& metrics);
std::string to_text(const MultiLabelMetrics& metrics);

/// {"problem_type", "rows", "mean_squared_error", "mean_absolute_error"}
OrderedJson to_json(const RegressionMetrics& metrics);
std::string to_text(const RegressionMetrics& metrics);

}  // namespace gptkit
