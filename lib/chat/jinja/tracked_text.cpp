#include "chat/jinja/tracked_text.h"

#include <algorithm>

namespace gptkit {

namespace {

/// The first range that ends behind `at`.
std::vector<ByteRange>::const_iterator first_behind(const std::vector<ByteRange>& ranges,
                                                    std::size_t at) {
  return std::upper_bound(
      ranges.begin(), ranges.end(), at,
      [](std::size_t place, const ByteRange& range) { return place < range.end; });
}

}  // namespace

bool TrackedText::overlaps_written(std::size_t begin, std::size_t end) const {
  const auto range = first_behind(written_, begin);
  return range != written_.end() && range->begin < end;
}

void TrackedText::mark(std::size_t begin, std::size_t end) {
  if (begin == end) return;
  if (!written_.empty() && written_.back().end == begin) {
    written_.back().end = end;
  } else {
    written_.push_back({begin, end});
  }
}

void TrackedText::append(std::string_view text, bool written) {
  const std::size_t begin = text_.size();
  text_ += text;
  if (written) mark(begin, text_.size());
}

void TrackedText::append(const TrackedText& other, std::size_t begin, std::size_t end) {
  const std::size_t base = text_.size();
  text_.append(other.text_, begin, end - begin);
  for (auto range = first_behind(other.written_, begin);
       range != other.written_.end() && range->begin < end; ++range) {
    mark(base + std::max(range->begin, begin) - begin, base + std::min(range->end, end) - begin);
  }
}

TrackedText TrackedText::slice(std::size_t begin, std::size_t end) const {
  TrackedText part;
  part.append(*this, begin, end);
  return part;
}

void TrackedText::truncate(std::size_t size) {
  if (size >= text_.size()) return;
  *this = slice(0, size);
}

}  // namespace gptkit
