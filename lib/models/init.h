#pragma once
// Initial weights, drawn from LibTorch's default generator (torch::manual_seed sets it).

#include "models/gpt.h"
#include "nn/linear.h"

namespace gptkit {

/// Draws every weight of the model as config().init says. kTorch draws in the order in which the
/// book's Python constructs its modules (token embedding, position embedding; per block query, key,
/// value, output projection, the feed-forward's two; head), so a seed gives the book's weights to
/// the bit. kGpt2 is the initialisation of the original and of nanoGPT: normal(0, 0.02), residual
/// projections normal(0, 0.02 / sqrt(2 n_layer)), biases 0.
void initialize_(GPT& model);

/// torch::nn::Linear's default: uniform(-1/sqrt(in), 1/sqrt(in)), weight first, then bias.
void initialize_linear_(Linear& linear);

}  // namespace gptkit
