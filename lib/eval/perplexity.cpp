#include "eval/perplexity.h"

#include <ATen/ops/cross_entropy_loss.h>
#include <torch/types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/progress.h"
#include "base/stop.h"
#include "tensors/finite.h"

namespace gptkit {

namespace {

constexpr int64_t kIgnored = -100;

/// One window: inputs [begin, begin + length), targets shifted by one; targets before `from` are
/// not counted.
struct Window {
  int64_t begin, length, from;
};

/// The tokens of a text, after the token that begins a text.
class Text {
 public:
  Text(const TokenStream& tokens, std::optional<TokenId> begin) : tokens_(tokens), begin_(begin) {
    std::array<int64_t, 1> first{};
    if (begin && tokens.size() > 0) tokens.copy(0, first);
    added_ = begin && (tokens.size() == 0 || first[0] != *begin) ? 1 : 0;
  }
  int64_t size() const { return tokens_.size() + added_; }
  void copy(int64_t from, std::span<int64_t> out) const {
    const int64_t before = std::max<int64_t>(0, added_ - from);
    if (before > 0) out[0] = *begin_;
    tokens_.copy(from + before - added_, out.subspan(static_cast<size_t>(before)));
  }

 private:
  const TokenStream& tokens_;
  std::optional<TokenId> begin_;
  int64_t added_;
};

std::vector<Window> windows_of(int64_t tokens, int64_t context, int64_t stride) {
  std::vector<Window> windows;
  for (int64_t predicted = 1; predicted < tokens;) {
    const int64_t end = predicted == 1 ? std::min(tokens - 1, context)
                                       : std::min(tokens - 1, predicted - 1 + stride);
    const int64_t begin = std::max<int64_t>(0, end - context);
    windows.push_back({begin, end - begin, predicted});
    predicted = end + 1;
  }
  return windows;
}

}  // namespace

Perplexity measure_perplexity(GPT gpt, const TokenStream& stream,
                              const PerplexityOptions& options) {
  const Text tokens(stream, options.begin);
  const int64_t most = gpt->config().context_length;
  const int64_t context = options.context > 0 ? options.context : most;
  const int64_t stride = options.stride > 0 ? options.stride : context;
  require(options.context >= 0 && options.stride >= 0 && options.batch_size >= 1, Key{"context"},
          " ", options.context, ", ", Key{"stride"}, " ", options.stride, ", ", Key{"batch_size"},
          " ", options.batch_size, ": expected 0 or more, and batches of at least 1");
  require(context <= most, Key{"context"}, ": ", context, " is longer than the model's ", most);
  require(stride <= context, Key{"stride"}, ": ", stride, " is longer than the window of ",
          context);
  require(tokens.size() >= 2, "the text has ", stream.size(),
          " token(s); at least 2 are needed to predict one");
  const auto windows = windows_of(tokens.size(), context, stride);

  double total = 0;
  int64_t predicted = 0;
  Progress progress("perplexity", static_cast<int64_t>(windows.size()), "windows");
  for (size_t i = 0; i < windows.size();) {
    if (stop_signal() != 0) {
      throw Stopped(stop_signal(), concat("stopped after ", i, " of ", windows.size(), " windows"));
    }
    // A batch has adjacent windows of the same length: all but the last windows of a text.
    const int64_t T = windows[i].length;
    std::vector<int64_t> inputs, targets;
    int64_t B = 0;
    for (; B < options.batch_size && i < windows.size() && windows[i].length == T; ++B, ++i) {
      const auto& window = windows[i];
      std::vector<int64_t> ids(static_cast<size_t>(T + 1));
      tokens.copy(window.begin, ids);
      inputs.insert(inputs.end(), ids.begin(), ids.end() - 1);
      for (int64_t t = 1; t <= T; ++t) {
        const auto id = ids[static_cast<size_t>(t)];
        const bool begins = id == options.begin && !options.begin_also_ends;
        const bool counts = window.begin + t >= window.from && !begins;
        targets.push_back(counts ? id : kIgnored);
        predicted += counts;
      }
    }
    const auto ids = torch::from_blob(inputs.data(), {B, T}, torch::kInt64).to(gpt->device());
    const auto wanted = torch::from_blob(targets.data(), {B * T}, torch::kInt64).to(gpt->device());
    const auto logits = gpt(ids).flatten(0, 1).to(torch::kFloat32);  // (B*T,V)
    total +=
        at::cross_entropy_loss(logits, wanted, {}, at::Reduction::Sum, kIgnored).item<double>();
    require_finite_results(torch::tensor(total, torch::kFloat64), options.where);
    progress.update(static_cast<int64_t>(i));
  }
  require(predicted > 0, "the text has no token to predict other than tokens that begin a text");
  const double loss = total / static_cast<double>(predicted);
  return {predicted, loss, std::exp(loss)};
}

}  // namespace gptkit
