#include "infer/constraint/member_names.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace gptkit {

void MemberNames::read(std::string_view bytes) {
  for (const char byte : bytes) read_byte(byte);
}

/// False when the byte closes a name that is there already.
bool MemberNames::read_byte(char byte) {
  if (in_string_) return read_in_string(byte);
  switch (byte) {
    case '{':
    case '[':
      scopes_.push_back({.object = byte == '{'});
      name_next_ = byte == '{';
      break;
    case '}':
    case ']':
      scopes_.pop_back();
      name_next_ = false;
      break;
    case ',':
      name_next_ = !scopes_.empty() && scopes_.back().object;
      break;
    case '"':
      in_string_ = true;
      in_name_ = std::exchange(name_next_, false);
      name_.clear();
      break;
    default:
      break;
  }
  return true;
}

bool MemberNames::read_in_string(char byte) {
  if (byte == '"' && !escaped_) return close_string();
  escaped_ = byte == '\\' && !escaped_;
  if (in_name_) name_ += byte;
  return true;
}

bool MemberNames::close_string() {
  in_string_ = false;
  if (!std::exchange(in_name_, false)) return true;
  const bool known = is_known(name_);
  scopes_.back().names.push_back(std::move(name_));
  return !known;
}

bool MemberNames::is_known(std::string_view name) const {
  const auto& names = scopes_.back().names;
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool MemberNames::repeats(std::string_view bytes) const {
  const auto quotes = std::count(bytes.begin(), bytes.end(), '"');
  // The usual cases need no copy: too few quotes to close a name, or one that closes this one.
  if (quotes < (in_name_ ? 1 : in_string_ ? 3 : 2)) return false;
  if (in_name_ && quotes < 3 && !escaped_ && bytes.find('\\') == bytes.npos) {
    return is_known(name_ + std::string(bytes.substr(0, bytes.find('"'))));
  }
  auto copy = *this;
  return !std::all_of(bytes.begin(), bytes.end(), [&copy](char b) { return copy.read_byte(b); });
}

bool MemberNames::stops_in_known_name(std::string_view bytes) const {
  auto copy = *this;
  copy.read(bytes);
  return copy.in_name_ && copy.is_known(copy.name_);
}

}  // namespace gptkit
