#pragma once
// The loss over the training steps as a picture (report/chart.h).

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

/// Draws the rows of metrics.jsonl as a whole SVG file: steps along the bottom, tokens along the
/// top. Empty when there is nothing to draw yet.
std::string loss_plot(const std::vector<OrderedJson>& rows, const PlotOptions& options = {});

}  // namespace gptkit
