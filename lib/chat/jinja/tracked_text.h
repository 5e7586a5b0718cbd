#pragma once
// Text that knows which of its bytes a person wrote. A template's own text may become special
// tokens, a person's never, so the mark follows the bytes through everything a template does.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace gptkit {

struct ByteRange {
  std::size_t begin = 0, end = 0;
  bool operator==(const ByteRange&) const = default;
};

class TrackedText {
 public:
  TrackedText() = default;
  explicit TrackedText(std::string_view text, bool written = false) { append(text, written); }

  const std::string& text() const { return text_; }
  std::size_t size() const { return text_.size(); }
  /// The ranges that a person wrote: sorted, disjoint, never empty.
  const std::vector<ByteRange>& written() const { return written_; }
  bool is_written(std::size_t at) const { return overlaps_written(at, at + 1); }
  /// Whether a person wrote any byte of [begin, end).
  bool overlaps_written(std::size_t begin, std::size_t end) const;

  void append(std::string_view text, bool written);
  void append(const TrackedText& other) { append(other, 0, other.size()); }
  /// Appends the bytes [begin, end) of another text.
  void append(const TrackedText& other, std::size_t begin, std::size_t end);
  TrackedText slice(std::size_t begin, std::size_t end) const;
  /// The bytes behind `size` are dropped.
  void truncate(std::size_t size);

 private:
  std::string text_;
  std::vector<ByteRange> written_;

  void mark(std::size_t begin, std::size_t end);
};

}  // namespace gptkit
