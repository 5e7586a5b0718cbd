#pragma once
// Guesses of the next tokens of a sequence (speculative decoding, arXiv:2211.17192). The engine
// computes a guess and what follows it in one pass over the weights. At each place it then draws
// the sequence's own token as ever, and keeps the pass as long as guess and draw agree: the text
// is, to the bit, the one without guesses, greedy or drawn.

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "models/decoding_model.h"
#include "nn/kv_pages.h"
#include "text/tokenizer.h"

namespace gptkit {

class Drafter {
 public:
  virtual ~Drafter() = default;
  /// At most `most` tokens that may follow `tokens`, those of the sequence `id`.
  virtual std::vector<TokenId> propose(int64_t id, std::span<const TokenId> tokens,
                                       int64_t most) = 0;
  /// The sequence is done.
  virtual void forget(int64_t) {}
};

/// What followed the last tokens when they occurred before in the sequence: good for texts that
/// repeat or quote.
class NgramDrafter : public Drafter {
 public:
  std::vector<TokenId> propose(int64_t id, std::span<const TokenId> tokens, int64_t most) override;
};

/// What a smaller model of the same vocabulary finds likeliest.
class ModelDrafter : public Drafter {
 public:
  /// Fails if the vocabularies differ in size. Keys and values take memory for `most_tokens` of all
  /// sequences together; a sequence that does not fit gets no guesses.
  ModelDrafter(DecodingModel& model, int64_t vocabulary, int64_t most_tokens);
  std::vector<TokenId> propose(int64_t id, std::span<const TokenId> tokens, int64_t most) override;
  void forget(int64_t id) override { known_.erase(id); }

 private:
  struct Known {
    std::vector<TokenId> tokens;  // of which the cache holds keys and values
    KvSequence cache;
  };
  TokenId likeliest_behind(Known& known, std::span<const TokenId> tokens);

  DecodingModel& model_;
  KvPagePool pool_;
  std::map<int64_t, Known> known_;
};

}  // namespace gptkit
