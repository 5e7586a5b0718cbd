#include "data/corpus/near_duplicates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "data/random_order.h"
#include "text/words.h"

namespace gptkit {

namespace {

/// Multiply-shift hashing, h(x) = (a x + b) >> 32: cheap enough for 128 a word.
struct HashFamily {
  std::array<std::uint64_t, kMinHashes> a, b;
  HashFamily() {
    for (std::size_t i = 0; i < kMinHashes; ++i) {
      a[i] = mixed_seed(1, i);
      b[i] = mixed_seed(2, i);
    }
  }
};

std::uint64_t hash_word(std::string_view word) {
  std::uint64_t hash = 0xCBF29CE484222325u;  // FNV-1a
  for (const char c : word) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

void take_minima(Signature& signature, std::uint64_t shingle) {
  static const HashFamily family;
  const std::uint64_t x = shingle >> 32;
  for (std::size_t i = 0; i < kMinHashes; ++i) {
    const auto hash = static_cast<std::uint32_t>((family.a[i] * x + family.b[i]) >> 32);
    signature[i] = std::min(signature[i], hash);
  }
}

/// Bands of `rows` hashes miss a pair of this Jaccard index with this probability.
double miss_probability(double jaccard, std::size_t rows) {
  const auto bands = kMinHashes / rows;
  return std::pow(1 - std::pow(jaccard, static_cast<double>(rows)), static_cast<double>(bands));
}

/// The widest bands (fewest needless comparisons and least memory) that miss at most 2 %.
std::size_t rows_for(double threshold) {
  require(threshold >= 0.1 && threshold <= 1, "near duplicates: a threshold of ", threshold,
          " is out of range; expected a Jaccard index from 0.1 to 1");
  std::size_t rows = 1;
  while (rows < 16 && miss_probability(threshold, rows + 1) <= 0.02) ++rows;
  return rows;
}

}  // namespace

std::optional<Signature> minhash(std::string_view text) {
  Signature signature;
  signature.fill(std::numeric_limits<std::uint32_t>::max());
  std::array<std::uint64_t, kShingleWords> last{};  // hashes of the last words
  const auto shingle = [&](std::size_t first, std::size_t count) {
    std::uint64_t hash = count;
    for (std::size_t i = 0; i < count; ++i) {
      hash = mixed_seed(hash, last[(first + i) % kShingleWords]);
    }
    return hash;
  };
  std::size_t words = 0;
  for (WordScanner scanner(text); scanner.next();) {
    last[words % kShingleWords] = hash_word(scanner.word());
    ++words;
    if (words >= kShingleWords) take_minima(signature, shingle(words, kShingleWords));
  }
  if (words == 0) return std::nullopt;
  if (words < kShingleWords) take_minima(signature, shingle(0, words));
  return signature;
}

NearDuplicates::NearDuplicates(double threshold)
    : threshold_(threshold), rows_(rows_for(threshold)), bands_(kMinHashes / rows_) {}

NearDuplicates::Kept NearDuplicates::shortened(const Signature& signature) {
  Kept kept;
  std::transform(signature.begin(), signature.end(), kept.begin(),
                 [](std::uint32_t hash) { return static_cast<std::uint16_t>(hash); });
  return kept;
}

std::uint64_t NearDuplicates::band_key(const Signature& signature, std::size_t band) const {
  std::uint64_t key = band;
  for (std::size_t i = band * rows_; i < (band + 1) * rows_; ++i) {
    key = mixed_seed(key, signature[i]);
  }
  return key;
}

std::optional<NearDuplicates::Match> NearDuplicates::find(const Signature& signature) const {
  const auto wanted = shortened(signature);
  std::optional<std::uint32_t> compared;
  for (std::size_t band = 0; band < bands_; ++band) {
    const auto found = first_.find(band_key(signature, band));
    if (found == first_.end() || compared == found->second) continue;
    compared = found->second;
    const auto& other = kept_[*compared];
    std::size_t agree = 0;
    for (std::size_t i = 0; i < kMinHashes; ++i) agree += wanted[i] == other[i];
    const double alikeness = static_cast<double>(agree) / static_cast<double>(kMinHashes);
    if (alikeness >= threshold_) return Match{*compared, alikeness};
  }
  return std::nullopt;
}

void NearDuplicates::add(const Signature& signature) {
  require(kept_.size() < std::numeric_limits<std::uint32_t>::max(),
          "near duplicates: more than 4 billion documents; filter the data in parts");
  const auto id = static_cast<std::uint32_t>(kept_.size());
  kept_.push_back(shortened(signature));
  for (std::size_t band = 0; band < bands_; ++band) {
    first_.try_emplace(band_key(signature, band), id);
  }
}

}  // namespace gptkit
