#pragma once
// Which tokens spoke for the class that a text was given, and how strongly.
//
// A token's contribution is in units of the class's log-odds, log(p / (1 - p)): positive for the
// class, negative against it. Of a regression they are in units of its value.
//
// Leave-one-out takes the token out and lets the rest move up, so the positions behind it shift by
// one. Putting another token in its place would keep the positions, but a GPT has no token that
// means nothing: <|endoftext|> begins a new document, and whatever else is put there speaks for
// itself. A text with one token less is the kind of text that the model knows. It is exact, and a
// text of n tokens costs n more classifications (of n - 1 tokens, in batches). Contributions do not
// add up: of two words that say the same, each alone is worth little.
//
// The gradient of the log-odds at the token's embedding, times that embedding (arXiv:1312.6034,
// arXiv:1605.01713), is a first-order guess at the same for one forward and one backward pass.

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
  double log_odds = 0;            ///< of that label, all tokens there
  std::vector<TokenId> ids = {};  ///< of the text as the classifier reads it: cut, and without
                                  ///< the tokens that stand around every text
  std::vector<double> contributions = {};  ///< of each id
};

struct ExplainOptions {
  ExplainMethod method = ExplainMethod::kLeaveOneOut;
  int64_t batch_size = 256;  // of leave-one-out; changes nothing but speed
};

/// Why `text` has the label: its tokens' contributions. What a cut text lost stays lost: taking a
/// token out does not let the next one in. The gradient method puts a table of its own in the
/// place of the model's token embeddings while it runs, so nobody else may use the model then.
Explanation explain(const TextClassifier& model, const std::string& text, int64_t label,
                    const ExplainOptions& options = {});

/// What is shown as one: a token, or the tokens that share a character between them (contributions
/// added up). The texts are UTF-8; joined they are the text that the classifier read.
struct ExplainedPiece {
  std::string text;
  std::vector<TokenId> ids;
  double contribution = 0;
};
std::vector<ExplainedPiece> to_pieces(const Tokenizer& tokenizer, const Explanation& explanation);

}  // namespace gptkit
