#pragma once
// Metrics of predictions (eval/classification_metrics.h) as JSON and as a text table.

#include <string>

#include "base/json.h"
#include "eval/classification_metrics.h"

namespace gptkit {

/// {"rows", "accuracy", "accuracy_interval": [low, high], "macro": {"precision", "recall", "f1"},
/// "classes": {label: {"precision", "recall", "f1", "rows"}}, "confusion": [truth][predicted]}
OrderedJson to_json(const ClassificationMetrics& metrics);
std::string to_text(const ClassificationMetrics& metrics);

/// The metrics of an object that to_json() wrote, possibly with additional keys; labels are the
/// keys of "classes". `where` begins the message if the object is another one.
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
