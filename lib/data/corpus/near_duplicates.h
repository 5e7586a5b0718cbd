#pragma once
// Finding documents that are nearly the same: MinHash signatures of their word 5-grams, compared
// where a band of the signature agrees (Broder 1997, "On the Resemblance and Containment of
// Documents"; locality-sensitive hashing by bands; GPT-3's appendix A). Time and memory grow with
// the number of documents, whatever they hold: at most one comparison per band, and about 1 kB for
// each document remembered.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace gptkit {

inline constexpr int kShingleWords = 5;
inline constexpr std::size_t kMinHashes = 128;

/// The least of each of 128 hashes over a document's shingles: two signatures agree in about as
/// many places as their documents' sets of shingles have in common (Jaccard), give or take 4 %.
using Signature = std::array<std::uint32_t, kMinHashes>;

/// Nothing for a text without words. Fewer than five words are one shingle. Pure; a pass over the
/// text with some 200 operations a word.
std::optional<Signature> minhash(std::string_view text);

class NearDuplicates {
 public:
  /// Jaccard index, 0.1 to 1, from which documents count as the same. Pairs at exactly the
  /// threshold are found with at least 98 % probability, more similar ones nearly always.
  explicit NearDuplicates(double threshold);

  struct Match {
    std::int64_t id;   // in the order of add(), from 0
    double alikeness;  // estimated Jaccard index
  };
  /// The first document found that is like this one.
  std::optional<Match> find(const Signature& signature) const;
  /// Remembers a document. Of those that agree in a band the first stands for all.
  void add(const Signature& signature);

  /// Hashes in a band: all must agree for a comparison. Fewer find more, and cost more.
  std::size_t band_hashes() const { return rows_; }

 private:
  // What is compared is 16 bits a hash: half the memory for one false agreement in 65,536.
  using Kept = std::array<std::uint16_t, kMinHashes>;
  double threshold_;
  std::size_t rows_, bands_;
  std::vector<Kept> kept_;
  std::unordered_map<std::uint64_t, std::uint32_t> first_;  // band's hash -> document

  static Kept shortened(const Signature& signature);
  std::uint64_t band_key(const Signature& signature, std::size_t band) const;
};

}  // namespace gptkit
