// Engine::log_likelihoods: texts that are read, not written.

#include <ATen/ops/from_blob.h>

#include <algorithm>

#include "base/error.h"
#include "infer/engine.h"
#include "infer/softmax.h"
#include "tensors/finite.h"

namespace gptkit {

/// Tokens to read, and from which of them on logits are wanted.
struct Engine::Scoring {
  std::span<const TokenId> read;
  int64_t first_wanted;
  size_t text = 0;  // whose end it is
  KvSequence cache = {};

  int64_t left() const { return std::ssize(read) - cache.tokens(); }
  /// The next `count` tokens, for which the cache has room.
  DecodingModel::Chunk chunk(int64_t count) {
    const auto begin = cache.tokens();
    return {&cache, read.subspan(static_cast<size_t>(begin), static_cast<size_t>(count)),
            std::clamp<int64_t>(begin + count - first_wanted, 0, count)};
  }
};

namespace {

/// Behind ids[i] the model predicts ids[i + 1]; the last id is not read.
std::span<const TokenId> read_of(const ScoredText& text) {
  return text.ids.first(text.ids.size() - 1);
}

void validate(const ScoredText& text, int64_t context, int64_t vocabulary) {
  const auto count = std::ssize(text.ids);
  require(text.first >= 1 && text.first < count, "log-likelihoods of tokens ", text.first, " to ",
          count, ": expected at least one token, behind another");
  require(count - 1 <= context, "a text of ", count, " tokens in a context of ", context);
  for (const auto id : text.ids) {
    require(id >= 0 && id < vocabulary, "a text has the token id ", id,
            " and the model's vocabulary ends at ", vocabulary - 1);
  }
}

}  // namespace

KvSequence Engine::known_beginning(std::span<const TokenId> tokens, int64_t most) {
  if (!options_.reuse_prefixes) return {};
  auto known = prefixes_.find(tokens, most);
  cached_tokens_ += known.tokens();
  return known;
}

/// Reads all of them, as many tokens in a pass as it takes. Those that are done free their caches;
/// the last one keeps it.
void Engine::compute(std::span<Scoring> scorings, const OnScoredRow& on_row) {
  while (!scorings.empty()) {
    std::vector<DecodingModel::Chunk> chunks;
    int64_t room = model_.options().most_rows;
    for (auto& s : scorings) {
      const auto count = std::min(s.left(), room);
      if (count == 0 || !make_room(s.cache.pages_needed(count))) break;
      s.cache.grow(pool_, count);
      chunks.push_back(s.chunk(count));
      room -= count;
    }
    require(!chunks.empty(), "the cache of keys and values is full");
    model_.step(chunks, [&](int64_t chunk, int64_t token, std::span<const float> logits) {
      const auto i = static_cast<size_t>(chunk);
      const auto begin = scorings[i].cache.tokens() - std::ssize(chunks[i].tokens);
      on_row(scorings[i], begin + token, logits);
    });
    while (!scorings.empty() && scorings.front().left() == 0) {
      if (scorings.size() > 1) scorings.front().cache = {};
      scorings = scorings.subspan(1);
    }
  }
}

std::vector<std::vector<double>> Engine::log_likelihoods(std::span<const ScoredText> texts) {
  std::vector<std::vector<double>> results(texts.size());
  if (texts.empty()) return results;
  for (const auto& text : texts) validate(text, context_length(), model_.config().vocab_size);
  Scoring beginning{read_of(texts.front()), texts.front().first - 1};
  for (const auto& text : texts) {
    const auto read = read_of(text);
    beginning.read = read.first(common_prefix(beginning.read, read));
    beginning.first_wanted = std::min(beginning.first_wanted, text.first - 1);
  }
  const auto total_of = [&](std::span<const float> logits) {
    auto* values = const_cast<float*>(logits.data());  // from_blob takes no const
    if (model_.kernels().argmax(values, std::ssize(logits)) < 0) {
      require_finite_results(at::from_blob(values, {std::ssize(logits)}), options_.where);
    }
    return log_sum_exp(logits);
  };
  const auto score = [&](size_t i, int64_t position, std::span<const float> logits, double total) {
    const auto& text = texts[i];
    if (position < text.first - 1) return;
    const double p = logits[static_cast<size_t>(text.ids[static_cast<size_t>(position + 1)])];
    results[i].push_back(p - total);
  };
  const auto shared = std::ssize(beginning.read);
  prompt_tokens_ += shared;
  beginning.cache = known_beginning(beginning.read, beginning.first_wanted);
  if (beginning.left() > 0) {
    compute({&beginning, 1}, [&](const Scoring&, int64_t position, std::span<const float> logits) {
      const double total = total_of(logits);
      for (size_t i = 0; i < texts.size(); ++i) score(i, position, logits, total);
    });
    if (options_.reuse_prefixes) prefixes_.insert(beginning.read, beginning.cache);
  }
  std::vector<Scoring> ends;
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto read = read_of(texts[i]);
    if (std::ssize(read) == shared) continue;
    prompt_tokens_ += std::ssize(read) - shared;
    ends.push_back({read, texts[i].first - 1, i, beginning.cache});
  }
  compute(ends, [&](const Scoring& end, int64_t position, std::span<const float> logits) {
    score(end.text, position, logits, total_of(logits));
  });
  return results;
}

}  // namespace gptkit
