#include "infer/drafter.h"

#include <algorithm>

#include "base/error.h"
#include "infer/prefix_cache.h"

namespace gptkit {

namespace {

constexpr size_t kLongest = 4, kShortest = 2;  // n-grams that are looked up
constexpr size_t kWindow = 4096;               // tokens that are searched

}  // namespace

std::vector<TokenId> NgramDrafter::propose(int64_t, std::span<const TokenId> tokens, int64_t most) {
  if (tokens.size() > kWindow) tokens = tokens.last(kWindow);
  for (size_t n = std::min(kLongest, tokens.size() - 1); n >= kShortest; --n) {
    const auto end = tokens.last(n);
    // The latest earlier place.
    const auto before = tokens.first(tokens.size() - 1);
    const auto found = std::find_end(before.begin(), before.end(), end.begin(), end.end());
    if (found == before.end()) continue;
    const auto next = static_cast<size_t>(found - before.begin()) + n;
    const auto count = std::min(static_cast<size_t>(most), tokens.size() - next);
    const auto guess = tokens.subspan(next, count);
    return {guess.begin(), guess.end()};
  }
  return {};
}

ModelDrafter::ModelDrafter(DecodingModel& model, int64_t vocabulary, int64_t most_tokens)
    : model_(model), pool_(model.layout(), most_tokens / kPageTokens) {
  require(model.config().vocab_size == vocabulary, Key{"draft_model"}, ": its vocabulary has ",
          model.config().vocab_size, " tokens and the model's ", vocabulary,
          "; expected a model with the same tokenizer");
}

/// The likeliest token behind `tokens`, computing what the cache does not hold.
TokenId ModelDrafter::likeliest_behind(Known& known, std::span<const TokenId> tokens) {
  const auto shared = std::min<int64_t>(static_cast<int64_t>(common_prefix(known.tokens, tokens)),
                                        std::ssize(tokens) - 1);
  known.cache.truncate(std::min(shared, known.cache.tokens()));
  known.tokens.assign(tokens.begin(), tokens.end());
  TokenId best = 0;
  while (known.cache.tokens() < std::ssize(tokens)) {
    const auto rest = tokens.subspan(static_cast<size_t>(known.cache.tokens()));
    const auto part =
        rest.first(std::min(rest.size(), static_cast<size_t>(model_.options().most_rows)));
    known.cache.grow(pool_, std::ssize(part));
    const DecodingModel::Chunk chunk{&known.cache, part, part.size() == rest.size() ? 1 : 0};
    model_.step({&chunk, 1}, [&](int64_t, int64_t, std::span<const float> logits) {
      const auto found = model_.kernels().argmax(logits.data(), std::ssize(logits));
      best = static_cast<TokenId>(std::max<int64_t>(found, 0));
    });
  }
  return best;
}

std::vector<TokenId> ModelDrafter::propose(int64_t id, std::span<const TokenId> tokens,
                                           int64_t most) {
  const auto wanted = std::ssize(tokens) + most;
  auto& known = known_[id];
  const bool fits = wanted <= model_.config().context_length &&
                    known.cache.pages_needed(wanted - known.cache.tokens()) <= pool_.free_pages();
  if (!fits) return {};
  std::vector<TokenId> all(tokens.begin(), tokens.end());
  for (int64_t i = 0; i < most; ++i) all.push_back(likeliest_behind(known, all));
  return {all.begin() + std::ssize(tokens), all.end()};
}

}  // namespace gptkit
