#include "data/byte_source.h"

#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"
#include "base/stop.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

constexpr std::size_t kBlock = std::size_t{1} << 16;

/// Waits until there is something to read, or a signal asks for the end: read() would start again.
void wait_for_bytes(int descriptor) {
  constexpr int kMilliseconds = 200;
  pollfd wait{descriptor, POLLIN, 0};
  while (::poll(&wait, 1, kMilliseconds) == 0) stop_if_asked("stopped while waiting for input");
  stop_if_asked("stopped while reading");
}

}  // namespace

ByteSource::ByteSource(const std::filesystem::path& path) : name_(path.string()), owned_(true) {
  struct stat info {};
  descriptor_ = open_to_read(path, info);
  begin_reading();
}

ByteSource::ByteSource(int descriptor, std::string name)
    : name_(std::move(name)), descriptor_(descriptor) {
  begin_reading();
}

ByteSource::ByteSource(int descriptor, std::string name, std::int64_t begin)
    : name_(std::move(name)), descriptor_(descriptor), offset_(begin), begin_(begin) {}

ByteSource::ByteSource(std::string_view text)
    : window_(text), read_(text.size()), size_(text.size()), ended_(true) {}

ByteSource::~ByteSource() {
  if (owned_) ::close(descriptor_);
}

std::string_view ByteSource::rest() {
  if (at_ == window_.size() && !ended_) fill();
  return window_.substr(at_);
}

void ByteSource::mark() {
  mark_ = at_;
  marked_ = true;
}

/// A regular file is read by position from where its descriptor stands.
void ByteSource::begin_reading() {
  struct stat info {};
  const bool regular = ::fstat(descriptor_, &info) == 0 && S_ISREG(info.st_mode);
  const auto place = regular ? ::lseek(descriptor_, 0, SEEK_CUR) : -1;
  if (place < 0) {
    detector_.emplace();
    return;
  }
  offset_ = begin_ = place;
  size_ = static_cast<std::uint64_t>(std::max<std::int64_t>(0, info.st_size - place));
  detect();
}

/// Reads a regular file through once.
void ByteSource::detect() {
  EncodingDetector detector;
  std::string block;
  while (read_block(block) > 0) {
    if (offset_ == begin_ + std::ssize(block)) refuse_utf32(block, name_);
    detector.add(block);
    block.clear();
  }
  offset_ = begin_;
  read_ = 0;
  decoder_ = TextDecoder(detector.encoding());
  say_encoding(detector.encoding(), name_);
}

/// Appends some bytes of the file; how many, 0 at the end.
std::size_t ByteSource::read_block(std::string& into) {
  const auto filled = into.size();
  into.resize(filled + kBlock);
  if (offset_ < 0) wait_for_bytes(descriptor_);
  const auto n = uninterrupted([&] {
    return offset_ < 0 ? ::read(descriptor_, into.data() + filled, kBlock)
                       : ::pread(descriptor_, into.data() + filled, kBlock, offset_);
  });
  if (n < 0) fail_reading(name_, errno);
  into.resize(filled + static_cast<std::size_t>(n));
  if (offset_ >= 0) offset_ += n;
  read_ += static_cast<std::uint64_t>(n);
  return static_cast<std::size_t>(n);
}

/// Appends a block's characters to the window. What a pipe sent is judged by whole characters: from
/// the first bytes on that tell so, it is in another encoding than UTF-8.
void ByteSource::decode(std::string& block, bool last) {
  if (detector_) {
    block.insert(0, std::exchange(pending_, {}));
    const bool half_mark = read_ == 1 && (block == "\xFF" || block == "\xFE");
    const auto whole = last ? block.size() : half_mark ? 0 : complete_utf8_prefix(block);
    pending_ = block.substr(whole);
    block.resize(whole);
    detector_->add(block);
    const auto told = detector_->encoding();
    if (decoder_.encoding() == TextEncoding::kUtf8 && told != TextEncoding::kUtf8) {
      refuse_utf32(block, name_);
      decoder_ = TextDecoder(told);
      say_encoding(told, name_);
    }
  }
  decoder_.append(block, buffer_);
  if (last) decoder_.finish(buffer_);
}

void ByteSource::fill() {
  const std::size_t keep_from = marked_ ? mark_ : at_;
  // A window that is kept whole is not moved: a long record costs its bytes once.
  if (keep_from > 0) buffer_.erase(0, keep_from);
  at_ -= keep_from;
  mark_ = 0;
  std::string block;
  for (const auto before = buffer_.size(); buffer_.size() == before && !ended_; block.clear()) {
    ended_ = read_block(block) == 0;
    decode(block, ended_);
  }
  if (ended_ && offset_ >= 0 && size_of(descriptor_) < static_cast<std::uint64_t>(begin_) + size_) {
    fail_runtime(shown(name_), ": ", kCutShort);
  }
  window_ = buffer_;
}

std::uint64_t ByteSource::taken() const {
  const std::uint64_t left = window_.size() - at_;
  return read_ > left ? read_ - left : 0;
}

std::unique_ptr<ByteSource> ByteSource::from_the_beginning() const {
  if (begin_ < 0) return nullptr;
  std::unique_ptr<ByteSource> again(new ByteSource(descriptor_, name_, begin_));
  again->decoder_ = TextDecoder(decoder_.encoding());
  return again;
}

bool ByteSource::line_is_ready() const {
  if (ended_ || window_.find('\n', at_) != window_.npos) return true;
  pollfd wait{descriptor_, POLLIN, 0};
  return ::poll(&wait, 1, /*timeout=*/0) > 0;
}

}  // namespace gptkit
