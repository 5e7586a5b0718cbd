#pragma once
// Token shards: files of token ids, and TokenStream, a random-access sequence of tokens over shards
// or memory. All numbers are little endian.
//
//   offset  bytes  gptkit shard, version 1
//        0      8  "GPTKTOK\n"
//        8      4  version, 1
//       12      4  bytes per token, 2 or 4 (unsigned)
//       16      8  vocabulary size: every id is below it
//       24     32  SHA-256 of the tokenizer (tokenizer_sha256); zeros: unknown
//       56      8  zeros
//       64   2n|4n the n tokens
//      end     16  n (8 bytes), "GPTKEND\n": a truncated file lacks them
//
// A folder of shards holds `train-00000.bin` ..., `val-00000.bin` ... and, written last,
// `meta.json`: {"format": "gptkit-tokens", "version", "dtype": "uint16"|"uint32", "vocab_size",
// "tokenizer_sha256", "end_of_text", "documents", "train": {"tokens", "shards": [name]}, "val":
// ...}.
//
// Read as well: nanoGPT's bare uint16 files, and llm.c's with their header of 256 int32 (magic
// 20240520, version 1, count; then uint16 ids. Magic 20240801, version 7, count; then uint32 ids).

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"
#include "text/tokenizer.h"

namespace gptkit {

enum class ShardFormat { kGptkit, kNanoGpt, kLlmC };

/// The header (and the size) of a shard file.
struct ShardInfo {
  std::filesystem::path path;
  ShardFormat format = ShardFormat::kGptkit;
  int bytes_per_token = 2;
  std::int64_t begin = 0;  // byte offset of the first token
  std::int64_t tokens = 0;
  std::int64_t vocab_size = 0;   // 0: not said
  std::string tokenizer_sha256;  // hex; empty: not said
};

/// Reads and checks the head: magic, version, byte order, size against count. A bare file is
/// refused when its bytes are odd, when it looks like uint32, or like a damaged llm.c header.
ShardInfo inspect_shard(const std::filesystem::path& path);

/// SHA-256 over the algorithm and the bytes of every token in id order: two tokenizers with the
/// same digest mean the same by every id.
std::string tokenizer_sha256(const Tokenizer& tokenizer);

/// An immutable sequence of tokens, cheap to copy (the tokens are shared). Shards are read with
/// pread, so a file that shrinks meanwhile is an error and not a crash. Thread-safe.
class TokenStream {
 public:
  TokenStream() = default;
  explicit TokenStream(std::vector<TokenId> tokens);

  /// Opens shards, in the order given, and reads each through once: fails naming file, offset and
  /// id when an id is not below vocab_size.
  static TokenStream open(const std::vector<std::filesystem::path>& shards,
                          std::int64_t vocab_size);

  std::int64_t size() const { return end_ - begin_; }
  /// Tokens [begin, begin + out.size()) into out. Fails naming file, offset and id when a shard was
  /// changed meanwhile and an id is no longer in the vocabulary.
  void copy(std::int64_t begin, std::span<std::int64_t> out) const;
  /// The tokens [begin, end) as a stream of their own.
  TokenStream slice(std::int64_t begin, std::int64_t end) const;
  /// 16 hex digits over all tokens: tells a changed corpus from the same one. Reads everything.
  std::string fingerprint() const;

 private:
  class Segment;
  std::vector<std::shared_ptr<const Segment>> segments_;
  std::vector<std::int64_t> starts_;  // of the segments, in tokens
  std::int64_t begin_ = 0, end_ = 0;  // what this stream shows of them
};

/// Writes one sequence of tokens as gptkit shards `<prefix>-00000.bin` ... of at most `max_tokens`
/// each; a shard has its name only once it is whole.
class ShardWriter {
 public:
  struct Options {
    std::filesystem::path folder;
    std::string prefix;            // "train", "val"
    std::int64_t vocab_size = 0;   // < 65537 makes 2-byte tokens
    std::string tokenizer_sha256;  // hex; may be empty
    std::int64_t max_tokens = 100'000'000;
  };
  explicit ShardWriter(Options options);

  void write(std::span<const TokenId> tokens);
  void finish();  ///< commits the last shard; without it that one leaves nothing behind

  std::int64_t tokens() const { return tokens_ + in_shard_; }
  const std::vector<std::string>& names() const { return names_; }

 private:
  Options options_;
  int bytes_per_token_;
  std::unique_ptr<AtomicFile> file_;
  std::int64_t tokens_ = 0, in_shard_ = 0;
  std::vector<std::string> names_;
  std::string buffer_;
  void open_shard();
  void close_shard();
};

}  // namespace gptkit
