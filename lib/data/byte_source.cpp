#include "data/byte_source.h"

#include <fcntl.h>
#include <poll.h>

#include <utility>

#include "base/descriptor.h"
#include "base/error.h"

namespace gptkit {

namespace {

constexpr std::size_t kBlock = std::size_t{1} << 16;

}  // namespace

ByteSource::ByteSource(const std::filesystem::path& path) : name_(path.string()), owned_(true) {
  struct stat info {};
  descriptor_ = open_to_read(path, info);
  if (S_ISREG(info.st_mode)) size_ = static_cast<std::uint64_t>(info.st_size);
}

ByteSource::ByteSource(int descriptor, std::string name)
    : name_(std::move(name)), descriptor_(descriptor) {}

ByteSource::ByteSource(std::string_view text) : window_(text), size_(text.size()), ended_(true) {}

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

void ByteSource::fill() {
  const std::size_t keep_from = marked_ ? mark_ : at_;
  // A window that is kept whole is not moved: a long record costs its bytes once.
  if (keep_from > 0) buffer_.erase(0, keep_from);
  dropped_ += keep_from;
  at_ -= keep_from;
  mark_ = 0;
  const std::size_t filled = buffer_.size();
  buffer_.resize(filled + kBlock);
  const auto n =
      uninterrupted([&] { return ::read(descriptor_, buffer_.data() + filled, kBlock); });
  if (n < 0) fail_reading(name_, errno);
  buffer_.resize(filled + static_cast<std::size_t>(n));
  ended_ = n == 0;
  if (ended_ && size_of(descriptor_) < size_) fail_runtime(shown(name_), ": ", kCutShort);
  window_ = buffer_;
}

bool ByteSource::line_is_ready() const {
  if (ended_ || window_.find('\n', at_) != window_.npos) return true;
  pollfd wait{descriptor_, POLLIN, 0};
  return ::poll(&wait, 1, /*timeout=*/0) > 0;
}

}  // namespace gptkit
