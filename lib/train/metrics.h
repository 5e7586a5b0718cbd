#pragma once
// Metrics of a step or an evaluation.

#include <string>
#include <utility>
#include <vector>

namespace gptkit {

/// Names and values in the order in which they are written.
using Metrics = std::vector<std::pair<std::string, double>>;

}  // namespace gptkit
