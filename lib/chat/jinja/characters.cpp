#include "chat/jinja/characters.h"

#include <algorithm>

#include "chat/jinja/value.h"
#include "text/lowercase.h"
#include "text/unicode.h"

namespace gptkit::jinja {

std::vector<std::size_t> character_starts(std::string_view text) {
  std::vector<std::size_t> starts;
  starts.reserve(text.size() + 1);
  for (std::size_t at = 0; at < text.size(); at += decode_utf8(text, at).bytes)
    starts.push_back(at);
  starts.push_back(text.size());
  return starts;
}

std::int64_t character_count(std::string_view text) {
  std::int64_t count = 0;
  for (std::size_t at = 0; at < text.size(); at += decode_utf8(text, at).bytes) ++count;
  return count;
}

namespace {

bool is_space(const Utf8Char& c) { return c.valid && is_python_space(c.code); }

bool is_among(std::string_view character, std::string_view characters) {
  for (std::size_t at = 0; at < characters.size();) {
    const auto bytes = decode_utf8(characters, at).bytes;
    if (characters.substr(at, bytes) == character) return true;
    at += bytes;
  }
  return false;
}

}  // namespace

TrackedText stripped(const TrackedText& text, std::optional<std::string_view> characters, bool left,
                     bool right) {
  const std::string_view bytes = text.text();
  std::size_t begin = bytes.size(), end = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Char c = decode_utf8(bytes, at);
    const bool outer = characters ? is_among(bytes.substr(at, c.bytes), *characters) : is_space(c);
    if (!outer) begin = std::min(begin, at);
    at += c.bytes;
    if (!outer) end = at;
  }
  if (!left) begin = 0;
  if (!right) end = bytes.size();
  return begin < end ? text.slice(begin, end) : TrackedText();
}

TrackedText replaced(const TrackedText& text, std::string_view from, const TrackedText& to,
                     std::int64_t count) {
  TrackedText out;
  std::size_t begin = 0;
  std::int64_t done = 0;
  const auto& bytes = text.text();
  const auto more = [&] { return count < 0 || done < count; };
  if (from.empty()) {  // before each character and at the end
    for (const std::size_t start : character_starts(bytes)) {
      out.append(text, begin, start);
      begin = start;
      if (more()) out.append(to), ++done;
    }
    return out;
  }
  for (std::size_t at = 0; more() && (at = bytes.find(from, begin)) != bytes.npos; ++done) {
    out.append(text, begin, at);
    out.append(to);
    begin = at + from.size();
  }
  out.append(text, begin, bytes.size());
  return out;
}

namespace {

/// The words between white space, as byte ranges.
std::vector<ByteRange> words(std::string_view text) {
  std::vector<ByteRange> found;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    const bool blank = is_space(c);
    if (!blank && !inside) found.push_back({at, at});
    inside = !blank;
    at += c.bytes;
    if (inside) found.back().end = at;
  }
  return found;
}

std::vector<TrackedText> slices(const TrackedText& text, const std::vector<ByteRange>& ranges) {
  std::vector<TrackedText> parts;
  for (const auto& range : ranges) parts.push_back(text.slice(range.begin, range.end));
  return parts;
}

}  // namespace

std::vector<TrackedText> split(const TrackedText& text, std::optional<std::string_view> separator,
                               std::int64_t count) {
  const auto& bytes = text.text();
  std::vector<ByteRange> ranges;
  if (!separator) {
    ranges = words(bytes);
    if (count >= 0 && std::ssize(ranges) > count) {  // the last part is all the rest
      ranges.resize(static_cast<std::size_t>(count) + 1);
      ranges.back().end = bytes.size();
    }
    return slices(text, ranges);
  }
  std::size_t begin = 0;
  for (std::size_t at = 0; count < 0 || std::ssize(ranges) < count;
       begin = at + separator->size()) {
    at = bytes.find(*separator, begin);
    if (at == bytes.npos) break;
    ranges.push_back({begin, at});
  }
  ranges.push_back({begin, bytes.size()});
  return slices(text, ranges);
}

std::vector<TrackedText> split_from_right(const TrackedText& text,
                                          std::optional<std::string_view> separator,
                                          std::int64_t count) {
  const auto& bytes = text.text();
  if (count < 0) return split(text, separator, count);
  std::vector<ByteRange> ranges;
  if (!separator) {
    const auto all = words(bytes);
    const auto kept = std::min(std::ssize(all), count);
    if (std::ssize(all) > kept) {
      ranges.push_back({0, all[static_cast<std::size_t>(std::ssize(all) - kept - 1)].end});
    }
    ranges.insert(ranges.end(), all.end() - kept, all.end());
    return slices(text, ranges);
  }
  std::size_t end = bytes.size();
  while (std::ssize(ranges) < count && end >= separator->size()) {
    const auto at = bytes.rfind(*separator, end - separator->size());
    if (at == bytes.npos) break;
    ranges.push_back({at + separator->size(), end});
    end = at;
  }
  ranges.push_back({0, end});
  std::reverse(ranges.begin(), ranges.end());
  return slices(text, ranges);
}

std::vector<TrackedText> split_lines(const TrackedText& text, bool keep_ends) {
  const std::string_view bytes = text.text();
  const auto ends_line = [](char32_t c) {
    return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
           c == 0x2029;
  };
  std::vector<ByteRange> ranges;
  std::size_t begin = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Char c = decode_utf8(bytes, at);
    std::size_t next = at + c.bytes;
    if (c.valid && ends_line(c.code)) {
      if (bytes.substr(at).starts_with("\r\n")) ++next;
      ranges.push_back({begin, keep_ends ? next : at});
      begin = next;
    }
    at = next;
  }
  if (begin < bytes.size()) ranges.push_back({begin, bytes.size()});
  return slices(text, ranges);
}

TrackedText lowered(const TrackedText& text) {
  // One character at a time would miss the final sigma: so by runs of one writer.
  TrackedText out;
  const std::string_view bytes = text.text();
  std::size_t at = 0;
  const auto add = [&](std::size_t end, bool written) {
    if (end > at) out.append(lowercase(bytes.substr(at, end - at)), written);
    at = end;
  };
  for (const auto& range : text.written()) {
    add(range.begin, false);
    add(range.end, true);
  }
  add(bytes.size(), false);
  return out;
}

std::optional<TrackedText> in_case(const TrackedText& text, LetterCase letter_case) {
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto upper = [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; };
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  TrackedText out;
  bool begins = true;
  const std::string_view bytes = text.text();
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Char c = decode_utf8(bytes, at);
    if (c.code >= 0x80 && c.valid && char_class(c.code) == CharClass::kLetter) return std::nullopt;
    std::string character(bytes.substr(at, c.bytes));
    if (c.code < 0x80) {
      const bool capital = letter_case == LetterCase::kUpper || begins;
      character = capital ? upper(bytes[at]) : lower(bytes[at]);
    }
    out.append(character, text.is_written(at));
    const bool separates = std::string_view("-({[<").find(bytes[at]) != std::string_view::npos;
    begins = (letter_case == LetterCase::kTitle && !is_letter(bytes[at])) ||
             (letter_case == LetterCase::kWords && (separates || is_space(c)));
    at += c.bytes;
  }
  return out;
}

}  // namespace gptkit::jinja
