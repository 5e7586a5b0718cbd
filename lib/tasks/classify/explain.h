#pragma once
// The contribution of each token to the predicted class of a text.
//
// A token's contribution is in units of the class's log-odds, log(p / (1 - p)): positive for the
// class, negative against it. For a regression the unit is that of the value.
//
// Leave-one-out removes the token, so later positions shift by one. Replacing it with another token
// would keep the positions, but a GPT has no neutral token: <|endoftext|> begins a new document,
// and any other token has a meaning. A text with one token less is close to the training data. The
// method is exact, and a text of n tokens costs n more classifications (of n - 1 tokens, in
// batches). Contributions do not add up: if two words have the same meaning, each contributes
// little.
//
// The gradient of the log-odds at the token's embedding, times that embedding (arXiv:1312.6034,
// arXiv:1605.01713), is a first-order approximation that costs one forward and one backward pass.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weights/bundle.h"

namespace gptkit {

enum class ExplainMethod { kLeaveOneOut, kGradient };

constexpr auto enum_names(ExplainMethod) {
  return std::array<std::pair<std::string_view, ExplainMethod>, 2>{{
      {"leave_one_out", ExplainMethod::kLeaveOneOut},
      {"gradient", ExplainMethod::kGradient},
  }};
}

struct Explanation {
  int64_t label = 0;
  double log_odds = 0;            ///< of that label, with all tokens
  std::vector<TokenId> ids = {};  ///< of the text as the classifier reads it: cut, and without
                                  ///< the tokens that stand around every text
  std::vector<double> contributions = {};  ///< of each id
};

struct ExplainOptions {
  ExplainMethod method = ExplainMethod::kLeaveOneOut;
  int64_t batch_size = 256;  // of leave-one-out; affects only speed
};

/// Explains the label of `text`: the contributions of its tokens. A truncated text stays truncated:
/// removing a token does not bring in the next one. The gradient method replaces the model's token
/// embeddings while it runs, so nothing else may use the model at the same time.
Explanation explain(const TextClassifier& model, const std::string& text, int64_t label,
                    const ExplainOptions& options = {});

/// One unit of the output: a token, or several tokens that share a character (their contributions
/// are added). The texts are UTF-8; joined they are the text that the classifier read.
struct ExplainedPiece {
  std::string text;
  std::vector<TokenId> ids;
  double contribution = 0;
};
std::vector<ExplainedPiece> to_pieces(const Tokenizer& tokenizer, const Explanation& explanation);

}  // namespace gptkit
