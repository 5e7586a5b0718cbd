#include "data/corpus/token_shard.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace gptkit {

static_assert(std::endian::native == std::endian::little, "shards are mapped as little endian");

namespace {

constexpr std::string_view kMagic = "GPTKTOK\n", kEndMagic = "GPTKEND\n";
constexpr std::int64_t kHeadBytes = 64, kEndBytes = 16, kLlmcHeadBytes = 1024;
constexpr std::int32_t kVersion = 1;
constexpr std::int32_t kLlmcMagic = 20240520, kLlmcVersion = 1;
constexpr std::int32_t kLlmcWideMagic = 20240801, kLlmcWideVersion = 7;

/// A file read by position. Shrinking while in use is an error of ours, not a signal.
class RandomFile {
 public:
  explicit RandomFile(fs::path path) : path_(std::move(path)) {
    fd_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    require(fd_ >= 0, path_.string(), ": cannot open: ", std::strerror(errno));
  }
  ~RandomFile() { close(fd_); }
  RandomFile(const RandomFile&) = delete;
  RandomFile& operator=(const RandomFile&) = delete;

  void read(std::int64_t at, void* out, std::int64_t bytes) const {
    auto* to = static_cast<char*>(out);
    while (bytes > 0) {
      const auto got = pread(fd_, to, static_cast<std::size_t>(bytes), at);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) fail_runtime(path_.string(), ": cannot read: ", std::strerror(errno));
      if (got == 0) {
        fail_runtime(path_.string(), ": the file ends at byte ", at, ", before the last token; ",
                     kCutShort);
      }
      at += got, to += got, bytes -= got;
    }
  }

 private:
  fs::path path_;
  int fd_;
};

template <class T>
T number_at(const char* bytes, std::int64_t offset) {
  T value;
  std::memcpy(&value, bytes + offset, sizeof value);
  return value;
}

template <class T>
void put_number(std::string& bytes, T value) {
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string to_hex(std::string_view bytes) {
  std::string hex;
  for (const unsigned char byte : bytes) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

/// 32 bytes; zeros for "not said".
std::string digest_bytes(std::string_view hex) {
  assert(hex.empty() || hex.size() == 64);
  std::string bytes(32, '\0');
  const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  for (std::size_t i = 0; i < hex.size(); ++i) {
    bytes[i / 2] = static_cast<char>(bytes[i / 2] << 4 | digit(hex[i]));
  }
  return bytes;
}

ShardInfo gptkit_shard(const fs::path& path, const RandomFile& file, std::int64_t size) {
  const auto where = path.string();
  require(size >= kHeadBytes + kEndBytes, where, ": ", size,
          " bytes are fewer than a shard's header and end mark; the file is truncated");
  std::array<char, kHeadBytes> head;
  std::array<char, kEndBytes> end;
  file.read(0, head.data(), kHeadBytes);
  file.read(size - kEndBytes, end.data(), kEndBytes);
  const auto version = number_at<std::int32_t>(head.data(), 8);
  require(version == kVersion, where, ": token shard version ", version, ", expected ", kVersion,
          "; write it again with this program's `tokenize encode`");
  const auto width = number_at<std::int32_t>(head.data(), 12);
  require(width == 2 || width == 4, where, ": ", width, " bytes per token, expected 2 or 4");
  require(std::string_view(end.data() + 8, 8) == kEndMagic, where,
          ": the end mark is missing; the file is truncated or damaged");
  const auto tokens = number_at<std::int64_t>(end.data(), 0);
  const std::int64_t bytes = size - kHeadBytes - kEndBytes;
  require(bytes % width == 0 && tokens == bytes / width, where, ": says ", tokens, " tokens of ",
          width, " bytes but holds ", bytes, " bytes of them; the file is damaged");
  ShardInfo info{path,   ShardFormat::kGptkit,
                 width,  kHeadBytes,
                 tokens, number_at<std::int64_t>(head.data(), 16),
                 {}};
  require(info.vocab_size >= 0, where, ": a vocabulary of ", info.vocab_size, " tokens");
  const std::string_view digest(head.data() + 24, 32);
  if (digest != std::string(32, '\0')) info.tokenizer_sha256 = to_hex(digest);
  return info;
}

ShardInfo llmc_shard(const fs::path& path, const std::array<std::int32_t, 256>& head,
                     std::int64_t size) {
  const auto where = path.string();
  const bool wide = head[0] == kLlmcWideMagic;
  const auto version = wide ? kLlmcWideVersion : kLlmcVersion;
  require(head[1] == version, where, ": llm.c shard version ", head[1], ", expected ", version);
  const int width = wide ? 4 : 2;
  const std::int64_t tokens = head[2], bytes = size - kLlmcHeadBytes;
  require(tokens >= 0 && tokens * width == bytes, where, ": the llm.c header says ", tokens,
          " tokens of ", width, " bytes but ", bytes,
          " bytes follow it; the file is damaged or truncated");
  return {path, ShardFormat::kLlmC, width, kLlmcHeadBytes, tokens, 0, {}};
}

/// Ids of 4 bytes read as 2 have a zero in every second place.
bool looks_like_uint32(const RandomFile& file, std::int64_t size) {
  std::vector<std::uint16_t> ids(
      static_cast<std::size_t>(std::min<std::int64_t>(size / 4, 2048) * 2));
  file.read(0, ids.data(), static_cast<std::int64_t>(ids.size() * 2));
  bool any_low = false, any_high = false;
  for (std::size_t i = 0; i < ids.size(); i += 2) {
    any_low |= ids[i] != 0;
    any_high |= ids[i + 1] != 0;
  }
  return ids.size() >= 8 && any_low && !any_high;
}

ShardInfo bare_shard(const fs::path& path, const RandomFile& file, std::int64_t size) {
  const auto where = path.string();
  require(size % 2 == 0, where, ": ", size,
          " bytes are not a whole number of uint16 tokens; the file is truncated or not a shard");
  const auto meta = path.parent_path() / "meta.json";
  if (is_there(meta)) {
    const auto json = parse_json(read_file(meta), meta.string());
    const auto dtype = json.is_object() ? json_string(json, "dtype", meta.string(), "uint16") : "";
    require(dtype == "uint16", where, ": a bare file is read as uint16 tokens but ", meta.string(),
            " says dtype '", dtype, "'");
  }
  require(!looks_like_uint32(file, size), where,
          ": every second uint16 is 0, so these are uint32 tokens without a header; let tokenize "
          "encode write "
          "them, or write uint16");
  return {path, ShardFormat::kNanoGpt, 2, 0, size / 2, 0, {}};
}

}  // namespace

ShardInfo inspect_shard(const fs::path& path) {
  require(is_there(path), path.string(), ": no such file (expected a token shard)");
  require(is_regular(path), path.string(),
          ": is not a regular file; token shards need random access");
  const RandomFile file(path);
  const auto size = static_cast<std::int64_t>(fs::file_size(path));
  require(size > 0, path.string(), ": the token shard is empty");

  std::array<std::int32_t, 256> head{};
  file.read(0, head.data(), std::min(size, kLlmcHeadBytes));
  if (std::memcmp(head.data(), kMagic.data(), kMagic.size()) == 0) {
    return gptkit_shard(path, file, size);
  }
  if (size < kLlmcHeadBytes) return bare_shard(path, file, size);
  if (head[0] == kLlmcMagic || head[0] == kLlmcWideMagic) return llmc_shard(path, head, size);

  const auto swapped =
      static_cast<std::int32_t>(__builtin_bswap32(static_cast<std::uint32_t>(head[0])));
  require(swapped != kLlmcMagic && swapped != kLlmcWideMagic, path.string(),
          ": the bytes of this llm.c shard are in big-endian order; write it on a little-endian "
          "machine");
  const bool zeros = std::all_of(head.begin() + 3, head.end(), [](auto n) { return n == 0; });
  require(!zeros, path.string(), ": looks like an llm.c shard, but its magic is ", head[0],
          "; expected ", kLlmcMagic, " (uint16) or ", kLlmcWideMagic, " (uint32)");
  return bare_shard(path, file, size);
}

std::string tokenizer_sha256(const Tokenizer& tokenizer) {
  std::string all = tokenizer.algorithm();
  for (TokenId id = 0; id < tokenizer.vocab_size(); ++id) {
    const auto bytes = tokenizer.token_bytes(id);
    put_number(all, static_cast<std::uint64_t>(bytes.size()));
    all += bytes;
  }
  return sha256_hex(all);
}

/// Tokens in memory, or in a file.
class TokenStream::Segment {
 public:
  explicit Segment(std::vector<TokenId> tokens) : memory_(std::move(tokens)) {}
  Segment(const ShardInfo& info, std::int64_t vocab_size)
      : info_(info), vocab_size_(vocab_size), file_(std::make_unique<RandomFile>(info.path)) {}

  std::int64_t size() const {
    return file_ ? info_.tokens : static_cast<std::int64_t>(memory_.size());
  }
  /// Fails when an id is not below vocab_size: the file was changed after it had been opened.
  void copy(std::int64_t begin, std::span<std::int64_t> out) const {
    read(begin, out);
    if (const auto bad = first_bad(out)) {
      fail_runtime(place(begin + *bad), " is id ", out[static_cast<std::size_t>(*bad)],
                   ", but the vocabulary has ", vocab_size_,
                   " tokens; the file was changed while in use. Restore it and resume");
    }
  }
  /// Reads everything; fails at the first id that is not below vocab_size.
  void check_ids() const {
    std::vector<std::int64_t> ids(1 << 18);
    for (std::int64_t begin = 0; begin < size(); begin += std::ssize(ids)) {
      ids.resize(static_cast<std::size_t>(std::min(std::ssize(ids), size() - begin)));
      read(begin, ids);
      if (const auto bad = first_bad(ids)) {
        fail(place(begin + *bad), " is id ", ids[static_cast<std::size_t>(*bad)],
             ", but the vocabulary has ", vocab_size_,
             " tokens; the shard belongs to another tokenizer or is damaged");
      }
    }
  }

 private:
  std::vector<TokenId> memory_;
  ShardInfo info_;
  std::int64_t vocab_size_ = 0;  // of a file
  std::unique_ptr<RandomFile> file_;

  void read(std::int64_t begin, std::span<std::int64_t> out) const {
    if (!file_) {
      std::copy_n(memory_.begin() + begin, out.size(), out.begin());
    } else if (info_.bytes_per_token == 2) {
      copy_from_file<std::uint16_t>(begin, out);
    } else {
      copy_from_file<std::uint32_t>(begin, out);
    }
  }
  /// Of a file: where an id stands that is none.
  std::optional<std::int64_t> first_bad(std::span<const std::int64_t> ids) const {
    if (!file_ || ids.empty() || *std::max_element(ids.begin(), ids.end()) < vocab_size_) return {};
    return std::find_if(ids.begin(), ids.end(), [&](auto id) { return id >= vocab_size_; }) -
           ids.begin();
  }
  std::string place(std::int64_t token) const {
    return concat(info_.path.string(), ": token ", token, " (byte ",
                  info_.begin + token * info_.bytes_per_token, ")");
  }

  template <class Stored>
  void copy_from_file(std::int64_t begin, std::span<std::int64_t> out) const {
    std::vector<Stored> stored(out.size());
    file_->read(info_.begin + begin * static_cast<std::int64_t>(sizeof(Stored)), stored.data(),
                static_cast<std::int64_t>(stored.size() * sizeof(Stored)));
    std::copy(stored.begin(), stored.end(), out.begin());
  }
};

TokenStream::TokenStream(std::vector<TokenId> tokens) {
  segments_.push_back(std::make_shared<const Segment>(std::move(tokens)));
  starts_.push_back(0);
  end_ = segments_.front()->size();
}

TokenStream TokenStream::open(const std::vector<fs::path>& shards, std::int64_t vocab_size) {
  TokenStream stream;
  for (const auto& path : shards) {
    auto segment = std::make_shared<const Segment>(inspect_shard(path), vocab_size);
    segment->check_ids();
    stream.starts_.push_back(stream.end_);
    stream.end_ += segment->size();
    stream.segments_.push_back(std::move(segment));
  }
  return stream;
}

void TokenStream::copy(std::int64_t begin, std::span<std::int64_t> out) const {
  assert(begin >= 0 && begin + std::ssize(out) <= size());
  std::int64_t at = begin_ + begin;
  auto segment = std::upper_bound(starts_.begin(), starts_.end(), at) - starts_.begin() - 1;
  while (!out.empty()) {
    const std::int64_t inside = at - starts_[segment];
    const auto count = std::min(std::ssize(out), segments_[segment]->size() - inside);
    segments_[segment++]->copy(inside, out.first(static_cast<std::size_t>(count)));
    out = out.subspan(static_cast<std::size_t>(count));
    at += count;
  }
}

TokenStream TokenStream::slice(std::int64_t begin, std::int64_t end) const {
  assert(0 <= begin && begin <= end && end <= size());
  TokenStream part = *this;
  part.begin_ = begin_ + begin;
  part.end_ = begin_ + end;
  return part;
}

std::string TokenStream::fingerprint() const {
  std::uint64_t hash = 14695981039346656037u;  // FNV-1a, an id at a time
  std::vector<std::int64_t> ids(1 << 18);
  for (std::int64_t begin = 0; begin < size(); begin += std::ssize(ids)) {
    ids.resize(static_cast<std::size_t>(std::min(std::ssize(ids), size() - begin)));
    copy(begin, ids);
    for (const auto id : ids) hash = (hash ^ static_cast<std::uint64_t>(id)) * 1099511628211u;
  }
  std::string bytes;
  put_number(bytes, __builtin_bswap64(hash));
  return to_hex(bytes);
}

ShardWriter::ShardWriter(Options options)
    : options_(std::move(options)), bytes_per_token_(options_.vocab_size <= 65536 ? 2 : 4) {
  require(options_.max_tokens > 0, "a shard of ", options_.max_tokens,
          " tokens; it must hold at least 1");
}

void ShardWriter::write(std::span<const TokenId> tokens) {
  for (const TokenId id : tokens) {
    assert(id >= 0 && id < options_.vocab_size);
    if (!file_) open_shard();
    if (bytes_per_token_ == 2) {
      put_number(buffer_, static_cast<std::uint16_t>(id));
    } else {
      put_number(buffer_, static_cast<std::uint32_t>(id));
    }
    if (++in_shard_ == options_.max_tokens) close_shard();
  }
  if (!file_) return;
  file_->write(buffer_);
  buffer_.clear();
}

void ShardWriter::finish() {
  if (file_) close_shard();
}

void ShardWriter::open_shard() {
  auto number = std::to_string(names_.size());
  if (number.size() < 5) number.insert(0, 5 - number.size(), '0');
  names_.push_back(options_.prefix + "-" + number + ".bin");
  file_ = std::make_unique<AtomicFile>(options_.folder / names_.back());
  buffer_ = kMagic;
  put_number(buffer_, kVersion);
  put_number(buffer_, static_cast<std::int32_t>(bytes_per_token_));
  put_number(buffer_, options_.vocab_size);
  buffer_ += digest_bytes(options_.tokenizer_sha256);
  buffer_.resize(kHeadBytes);
}

void ShardWriter::close_shard() {
  put_number(buffer_, in_shard_);
  buffer_ += kEndMagic;
  file_->write(buffer_);
  file_->commit();
  file_.reset();
  buffer_.clear();
  tokens_ += std::exchange(in_shard_, 0);
}

}  // namespace gptkit
