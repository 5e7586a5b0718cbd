#pragma once
// Curves over the training steps as a stand-alone SVG (https://www.w3.org/TR/SVG11/), for people
// who would rather look than read.

#include <filesystem>
#include <string>
#include <vector>

#include "base/json.h"

namespace gptkit {

struct PlotOptions {
  std::string title = "Loss";
  std::string y_label = "cross entropy (nats)";
  /// Keys of the metrics to draw, in legend order. The one named "loss" is drawn thin and pale.
  std::vector<std::string> keys = {"loss", "train_loss", "val_loss"};
};

/// Draws the rows of metrics.jsonl: steps along the bottom, tokens along the top. Writes nothing
/// when there is nothing to draw yet.
void write_plot(const std::filesystem::path& path, const std::vector<OrderedJson>& rows,
                const PlotOptions& options = {});

}  // namespace gptkit
