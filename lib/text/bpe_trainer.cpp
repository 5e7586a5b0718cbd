#include "text/bpe_trainer.h"

#include <algorithm>
#include <limits>
#include <mutex>
#include <queue>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"
#include "text/pre_tokenizer.h"

namespace gptkit {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 22;

/// A pair of token ids in one number that sorts like the pair.
using PairKey = std::uint64_t;
PairKey pair_key(TokenId left, TokenId right) {
  return static_cast<PairKey>(left) << 32 | static_cast<std::uint32_t>(right);
}
TokenId left_of(PairKey key) { return static_cast<TokenId>(key >> 32); }
TokenId right_of(PairKey key) { return static_cast<TokenId>(key & 0xffffffff); }

struct HashPair {
  std::size_t operator()(PairKey key) const {
    key *= 0x9e3779b97f4a7c15;  // 2^64 / golden ratio: spreads neighbouring ids
    return static_cast<std::size_t>(key ^ key >> 32);
  }
};

struct PairUse {
  std::int64_t count = 0;
  std::vector<std::uint32_t> places;  // indices of the left symbol; outdated ones stay
};

/// The text of all distinct pre-tokens as one array of linked symbols.
struct Symbol {
  TokenId token;             // kGone once merged into its left neighbour
  std::uint32_t prev, next;  // kNone at the ends of a pre-token
  std::uint32_t word;        // index of its count
};
constexpr TokenId kGone = -1;
constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

/// Bytes in the order of GPT-2's vocabulary: the printable ones of Latin-1, then the others.
std::vector<unsigned char> gpt2_byte_order() {
  const auto printable = [](int b) {
    return (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  };
  std::vector<unsigned char> order;
  for (const bool wanted : {true, false}) {
    for (int b = 0; b < 256; ++b) {
      if (printable(b) == wanted) order.push_back(static_cast<unsigned char>(b));
    }
  }
  return order;
}

class Learner {
 public:
  Learner(const PretokenCounts& counts, std::int64_t min_count)
      : min_count_(std::max<std::int64_t>(min_count, 1)) {
    std::vector<TokenId> id_of_byte(256);
    for (const unsigned char byte : gpt2_byte_order()) {
      id_of_byte[byte] = add_token(std::string(1, static_cast<char>(byte)));
    }
    lay_out(counts, id_of_byte);
    for (std::size_t i = 0; i < symbols_.size(); ++i) {
      if (symbols_[i].next != kNone) count_pair(static_cast<std::uint32_t>(i), /*push=*/false);
    }
    for (const auto& [key, use] : pairs_) queue_.push({use.count, key});
  }

  /// Merges the best pair; false when none is frequent enough.
  bool step() {
    while (!queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      const auto found = pairs_.find(best.key);
      if (found == pairs_.end()) continue;
      if (found->second.count != best.count) {  // became rarer since it was queued
        if (found->second.count > 0) queue_.push({found->second.count, best.key});
        continue;
      }
      if (best.count < min_count_) return false;
      auto places = std::move(found->second.places);
      pairs_.erase(found);
      merge(best.key, places);
      return true;
    }
    return false;
  }

  std::size_t n_tokens() const { return model_.tokens.size(); }
  BpeModel take() && { return std::move(model_); }

 private:
  struct Candidate {
    std::int64_t count;
    PairKey key;
    bool operator<(const Candidate& other) const {  // the greatest is merged first
      return count != other.count ? count < other.count : key > other.key;
    }
  };

  std::int64_t min_count_;
  BpeModel model_;
  std::unordered_map<std::string, TokenId> ids_;
  std::vector<Symbol> symbols_;
  std::vector<std::int64_t> word_counts_;
  std::unordered_map<PairKey, PairUse, HashPair> pairs_;
  std::priority_queue<Candidate> queue_;
  std::vector<PairKey> grown_;  // pairs that became more frequent in this step

  /// The id of these bytes, new or known: "a"+"aa" and "aa"+"a" are two merges into one token.
  TokenId add_token(const std::string& bytes) {
    const auto [at, is_new] = ids_.try_emplace(bytes, static_cast<TokenId>(model_.tokens.size()));
    if (is_new) model_.tokens.push_back(bytes);
    return at->second;
  }

  void lay_out(const PretokenCounts& counts, const std::vector<TokenId>& id_of_byte) {
    std::size_t total = 0;
    for (const auto& [word, count] : counts.counts()) total += word.size() > 1 ? word.size() : 0;
    require(total < kNone, "the texts hold ", total, " bytes of different words, more than the ",
            kNone, " that can be learned from; train on a sample of them");
    symbols_.reserve(total);
    for (const auto& [word, count] : counts.counts()) {
      if (word.size() < 2) continue;  // nothing to merge
      const auto first = static_cast<std::uint32_t>(symbols_.size());
      const auto last = static_cast<std::uint32_t>(first + word.size() - 1);
      for (std::uint32_t i = first; i <= last; ++i) {
        const auto byte = static_cast<unsigned char>(word[i - first]);
        symbols_.push_back({id_of_byte[byte], i == first ? kNone : i - 1, i == last ? kNone : i + 1,
                            static_cast<std::uint32_t>(word_counts_.size())});
      }
      word_counts_.push_back(count);
    }
  }

  PairKey key_at(std::uint32_t place) const {
    return pair_key(symbols_[place].token, symbols_[symbols_[place].next].token);
  }
  std::int64_t count_at(std::uint32_t place) const { return word_counts_[symbols_[place].word]; }

  void count_pair(std::uint32_t place, bool push) {
    const PairKey key = key_at(place);
    PairUse& use = pairs_[key];
    use.count += count_at(place);
    use.places.push_back(place);
    if (push) grown_.push_back(key);
  }
  void uncount_pair(std::uint32_t place) {
    const auto found = pairs_.find(key_at(place));
    if (found != pairs_.end()) found->second.count -= count_at(place);
  }

  void merge(PairKey key, std::vector<std::uint32_t>& places) {
    const TokenId left = left_of(key), right = right_of(key);
    const TokenId merged = add_token(model_.tokens[left] + model_.tokens[right]);
    model_.merges.emplace_back(left, right);
    std::sort(places.begin(), places.end());  // leftmost first where they overlap ("aaa")
    for (const std::uint32_t place : places) {
      Symbol& symbol = symbols_[place];
      if (symbol.token != left || symbol.next == kNone) continue;
      Symbol& gone = symbols_[symbol.next];
      if (gone.token != right) continue;

      if (symbol.prev != kNone) uncount_pair(symbol.prev);
      if (gone.next != kNone) uncount_pair(symbol.next);
      symbol.token = merged;
      symbol.next = gone.next;
      gone.token = kGone;
      if (symbol.next != kNone) symbols_[symbol.next].prev = place;
      if (symbol.prev != kNone) count_pair(symbol.prev, /*push=*/true);
      if (symbol.next != kNone) count_pair(place, /*push=*/true);
    }
    std::sort(grown_.begin(), grown_.end());
    grown_.erase(std::unique(grown_.begin(), grown_.end()), grown_.end());
    for (const PairKey pair : grown_) {
      const auto found = pairs_.find(pair);
      if (found->second.count > 0) {
        queue_.push({found->second.count, pair});
      } else {
        pairs_.erase(found);
      }
    }
    grown_.clear();
  }
};

/// Counts the pre-tokens of a chunk, without the special tokens in it.
void count_chunk(std::string_view text, const std::vector<std::string>& special_tokens,
                 std::unordered_map<std::string_view, std::int64_t>& counts) {
  const auto count_plain = [&](std::string_view plain) {
    for (std::size_t begin = 0; begin < plain.size();) {
      const std::size_t end = gpt2_pretoken_end(plain, begin);
      ++counts[plain.substr(begin, end - begin)];
      begin = end;
    }
  };
  std::vector<std::size_t> next(special_tokens.size(), 0);
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = text.size(), skip = 0;
    for (std::size_t i = 0; i < special_tokens.size(); ++i) {
      if (next[i] < begin || begin == 0) next[i] = text.find(special_tokens[i], begin);
      if (next[i] < end) {
        end = next[i];
        skip = special_tokens[i].size();
      }
    }
    count_plain(text.substr(begin, end - begin));
    begin = end + skip;
  }
}

}  // namespace

void PretokenCounts::add(std::string_view text, int threads) {
  std::vector<std::string_view> chunks;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = pretoken_safe_cut(text, std::min(begin + kChunkBytes, text.size()));
    chunks.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  std::mutex merging;
  parallel_for(chunks.size(), threads, [&](std::size_t i) {
    std::unordered_map<std::string_view, std::int64_t> counts;
    count_chunk(chunks[i], special_tokens_, counts);
    const std::lock_guard lock(merging);
    for (const auto& [word, count] : counts) counts_[std::string(word)] += count;
  });
  bytes_ += static_cast<std::int64_t>(text.size());
}

void validate(const BpeTrainingOptions& options) {
  const auto n_special = static_cast<std::int64_t>(options.special_tokens.size());
  require(options.vocab_size >= 256 + n_special, "vocabulary size ", options.vocab_size,
          " is too small for a byte-level BPE: 256 bytes and ", n_special,
          " special tokens need at least ", 256 + n_special);
  require(options.vocab_size <= std::numeric_limits<TokenId>::max() / 2, "vocabulary size ",
          options.vocab_size, " is too large");
}

BpeModel train_bpe(const PretokenCounts& counts, const BpeTrainingOptions& options,
                   const std::function<void(std::int64_t)>& progress) {
  validate(options);
  require(!counts.empty(), "there is no text to learn a vocabulary from");

  Learner learner(counts, options.min_count);
  const auto wanted =
      static_cast<std::size_t>(options.vocab_size - std::ssize(options.special_tokens));
  while (learner.n_tokens() < wanted && learner.step()) {
    if (progress) progress(static_cast<std::int64_t>(learner.n_tokens()));
  }
  BpeModel model = std::move(learner).take();
  for (const auto& special : options.special_tokens) {
    require(std::find(model.tokens.begin(), model.tokens.end(), special) == model.tokens.end(),
            "special token '", special, "' was also learned as an ordinary one");
    model.special.push_back(static_cast<TokenId>(model.tokens.size()));
    model.tokens.push_back(special);
  }
  return model;
}

}  // namespace gptkit
