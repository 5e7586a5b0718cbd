#include "data/fingerprint.h"

#include <array>
#include <bit>
#include <cstdio>

#include "base/error.h"

namespace gptkit {

namespace {

constexpr char kSeparator = '-';

std::string old_part(const std::string& fingerprint) {
  return fingerprint.substr(0, fingerprint.find(kSeparator));
}

}  // namespace

void Fingerprint::add(double number) { mix(std::bit_cast<std::uint64_t>(number)); }

void Fingerprint::add(std::string_view text) {
  mix(text.size());
  for (const char c : text) mix(static_cast<unsigned char>(c));
}

void Fingerprint::add(std::span<const std::int64_t> numbers) {
  mix(numbers.size());
  for (const auto number : numbers) mix(static_cast<std::uint64_t>(number));
}

void Fingerprint::add(std::span<const TokenId> ids) {
  mix(ids.size());
  for (const auto id : ids) mix(static_cast<std::uint64_t>(id));
}

std::string Fingerprint::hex() const {
  std::array<char, 24> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(hash_));
  return digits.data();
}

std::string data_fingerprint(const std::string& old_fingerprint, const Fingerprint& all) {
  return old_fingerprint + kSeparator + all.hex();
}

void require_same_data(const std::string& kept, const std::string& now, const std::string& where) {
  if (kept == now) return;
  constexpr std::size_t kOldDigits = 16;
  const bool of_version_0_1 =
      kept.size() == kOldDigits && kept.find_first_not_of("0123456789abcdef") == kept.npos;
  if (of_version_0_1 && kept == old_part(now)) return;
  require(!of_version_0_1, where,
          ": it is of version 0.1, and the training data are not those it was made with, or hold "
          "what 0.1 did not read or compare (system messages, earlier turns, a header row, another "
          "encoding); start another run");
  fail(where,
       ": the training data are not those the run was started with (texts, labels, prompts, "
       "tokenizer or how they are read); restore them or start another run");
}

}  // namespace gptkit
