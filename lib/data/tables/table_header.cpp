#include "data/tables/table_header.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>
#include <utility>

namespace gptkit {

namespace {

constexpr std::int64_t kEnoughRows = 5, kEnoughNumbers = 3;
constexpr std::size_t kMostLabels = 10'000;  // more tell nothing: these are no labels
constexpr std::size_t kLongestName = 100;    // bytes

bool equals_in_any_case(std::string_view text, std::string_view lower) {
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(), [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == b;
  });
}

bool is_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error != std::errc::invalid_argument && end == text.data() + text.size();
}

bool is_identifier(std::string_view text) {
  constexpr std::size_t kLongest = 30;
  return !text.empty() && text.size() <= kLongest && !is_number(text) &&
         text.find_first_of(" \t\r\n.!?") == text.npos;
}

}  // namespace

bool has_usual_header(const std::vector<std::string>& first) {
  const auto has = [&](std::string_view name) {
    return std::any_of(first.begin(), first.end(),
                       [&](const auto& field) { return equals_in_any_case(field, name); });
  };
  const bool text = has("text"), label = has("label");
  return (text && label) ||
         ((text || label) && std::all_of(first.begin(), first.end(), is_identifier));
}

HeaderGuess::HeaderGuess(std::string label, const std::string& text)
    : label_(std::move(label)),
      is_name_(text.size() <= kLongestName && label_.size() <= kLongestName && !is_number(label_) &&
               text.find('\n') == text.npos) {}

bool HeaderGuess::add(const std::string& label) {
  ++rows_;
  found_ = found_ || label == label_;
  numbers_ = numbers_ && is_number(label);
  if (others_.size() < kMostLabels) others_.insert(label);
  return !found_ && others_.size() < kMostLabels;
}

HeaderGuess::Verdict HeaderGuess::verdict() const {
  const auto labels = std::ssize(others_);
  if (found_ || others_.size() == kMostLabels) return Verdict::kRow;
  const bool repeat = rows_ >= kEnoughRows && labels * 2 <= rows_;
  const bool stands_out = repeat || (numbers_ && rows_ >= kEnoughNumbers && !is_number(label_));
  if (stands_out) return is_name_ ? Verdict::kHeader : Verdict::kUnsure;
  return rows_ > labels ? Verdict::kUnsure : Verdict::kRow;
}

}  // namespace gptkit
