#include "data/text_encoding.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "text/unicode.h"

namespace gptkit {

namespace {

constexpr std::string_view kUtf8Mark = "\xEF\xBB\xBF";
constexpr std::string_view kLittleMark = "\xFF\xFE", kBigMark = "\xFE\xFF";
constexpr char32_t kReplacement = 0xFFFD;

// Windows-1252's characters 0x80 to 0x9F; 0 where it has none.
constexpr std::array<char32_t, 32> kWindows1252 = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

char32_t from_windows_1252(unsigned char byte) {
  return byte >= 0x80 && byte < 0xA0 ? kWindows1252[byte - 0x80u] : byte;
}

/// The leading bytes that are ASCII and not NUL.
std::size_t plain_bytes(std::string_view text) {
  constexpr std::uint64_t kHigh = 0x8080808080808080u, kOnes = 0x0101010101010101u;
  std::size_t at = 0;
  for (std::uint64_t word = 0; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    if (((word | (word - kOnes)) & kHigh) != 0) break;  // a byte beyond ASCII, or a NUL
  }
  while (at < text.size() && static_cast<signed char>(text[at]) > 0) ++at;
  return at;
}

TextEncoding mark_of(std::string_view begin) {
  if (begin.starts_with(kLittleMark)) return TextEncoding::kUtf16LittleEndian;
  if (begin.starts_with(kBigMark)) return TextEncoding::kUtf16BigEndian;
  return TextEncoding::kUtf8;
}

std::string_view mark_for(TextEncoding encoding) {
  if (encoding == TextEncoding::kUtf16LittleEndian) return kLittleMark;
  return encoding == TextEncoding::kUtf16BigEndian ? kBigMark : kUtf8Mark;
}

}  // namespace

void EncodingDetector::add(std::string_view bytes) {
  if (bytes.empty()) return;
  tail_ += bytes;
  if (!begun_ && tail_.size() < 2) return;
  if (!std::exchange(begun_, true)) mark_ = mark_of(tail_);
  if (mark_ != TextEncoding::kUtf8) return tail_.clear();
  const auto whole = complete_utf8_prefix(tail_);
  count(std::string_view(tail_).substr(0, whole));
  tail_.erase(0, whole);
}

void EncodingDetector::count(std::string_view bytes) {
  for (std::size_t at = plain_bytes(bytes); at < bytes.size();) {
    const auto c = decode_utf8(bytes, at);
    if (!c.valid) {
      ++strangers_;
      not_windows_1252_ |= from_windows_1252(static_cast<unsigned char>(bytes[at])) == 0;
    } else if (c.code == 0) {
      not_windows_1252_ = true;
    } else if (c.code >= 0x80 && c.code != 0xFEFF) {
      ++characters_;
    }
    at += c.bytes;
    at += plain_bytes(bytes.substr(at));
  }
}

TextEncoding EncodingDetector::encoding() const {
  if (mark_ != TextEncoding::kUtf8) return mark_;
  std::int64_t strangers = strangers_;
  bool undefined = not_windows_1252_;
  for (const char c : tail_) {
    const auto byte = static_cast<unsigned char>(c);
    strangers += byte >= 0x80;
    undefined |= from_windows_1252(byte) == 0;
  }
  const bool windows = strangers > characters_ && !undefined;
  return windows ? TextEncoding::kWindows1252 : TextEncoding::kUtf8;
}

TextEncoding encoding_of(std::string_view bytes) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  EncodingDetector detector;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kPiece, bytes.size()))) {
    detector.add(bytes.substr(0, kPiece));
  }
  return detector.encoding();
}

void TextDecoder::append(std::string_view bytes, std::string& utf8) {
  std::string joined;
  if (!begun_) {
    const auto mark = mark_for(encoding_);
    head_ += bytes;
    if (head_.size() < mark.size() && mark.starts_with(head_)) return;
    begun_ = true;
    joined = std::exchange(head_, {});
    bytes = joined;
    if (bytes.starts_with(mark)) bytes.remove_prefix(mark.size());
  }
  if (encoding_ == TextEncoding::kUtf8) {
    utf8 += bytes;
  } else if (encoding_ == TextEncoding::kWindows1252) {
    for (const char c : bytes) append_utf8(utf8, from_windows_1252(static_cast<unsigned char>(c)));
  } else {
    append_utf16(bytes, utf8);
  }
}

void TextDecoder::append_utf16(std::string_view bytes, std::string& utf8) {
  const bool little = encoding_ == TextEncoding::kUtf16LittleEndian;
  for (const char c : bytes) {
    head_ += c;
    if (head_.size() < 2) continue;
    const auto byte = [&](std::size_t i) {
      return static_cast<char32_t>(static_cast<unsigned char>(head_[i]));
    };
    const char32_t unit = little ? byte(1) << 8 | byte(0) : byte(0) << 8 | byte(1);
    head_.clear();
    const bool high = unit >= 0xD800 && unit < 0xDC00, low = unit >= 0xDC00 && unit < 0xE000;
    const char32_t before = std::exchange(high_, high ? unit : 0);
    if (before != 0 && low) {
      append_utf8(utf8, 0x10000 + ((before - 0xD800) << 10) + (unit - 0xDC00));
      continue;
    }
    if (before != 0) append_utf8(utf8, kReplacement);
    if (!high) append_utf8(utf8, low ? kReplacement : unit);
  }
}

void TextDecoder::finish(std::string& utf8) {
  if (!std::exchange(begun_, true)) append(std::exchange(head_, {}), utf8);  // shorter than a mark
  if (high_ != 0 || !head_.empty()) append_utf8(utf8, kReplacement);
  head_.clear();
  high_ = 0;
}

void refuse_utf32(std::string_view begin, const std::string& name) {
  using namespace std::string_view_literals;
  require(!begin.starts_with("\xFF\xFE\0\0"sv) && !begin.starts_with("\0\0\xFE\xFF"sv), name,
          ": this is UTF-32; convert it with iconv -f utf-32 -t utf-8");
}

std::string decode_text(std::string_view bytes, const std::string& name) {
  refuse_utf32(bytes, name);
  TextDecoder decoder(encoding_of(bytes));
  say_encoding(decoder.encoding(), name);
  std::string text;
  text.reserve(bytes.size());
  decoder.append(bytes, text);
  decoder.finish(text);
  return text;
}

std::string read_text(const std::filesystem::path& path, std::uint64_t max_bytes) {
  return decode_text(read_file(path, max_bytes), printable(path.string(), 400));
}

void warn_once(const std::string& message) {
  static std::mutex mutex;
  static std::set<std::string> said;
  const std::lock_guard lock(mutex);
  if (said.insert(message).second) log_warning(message);
}

void say_encoding(TextEncoding encoding, const std::string& name) {
  if (encoding == TextEncoding::kUtf8) return;
  warn_once(encoding == TextEncoding::kWindows1252
                ? concat(name,
                         ": not UTF-8; it is read as Windows-1252 (Latin-1). If it is in "
                         "another encoding, convert it with iconv -f ENCODING -t utf-8")
                : concat(name, ": UTF-16; it is converted to UTF-8"));
}

}  // namespace gptkit
