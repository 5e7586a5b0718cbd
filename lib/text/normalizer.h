#pragma once
// The `normalizer` of a tokenizer.json, which changes a text before it is split. Known are NFC,
// NFD, NFKC, NFKD, Lowercase, Strip, Prepend, Replace (of a fixed text) and Sequences of them.
// https://huggingface.co/docs/tokenizers/api/normalizers

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"

namespace gptkit {

struct Normalizer {
  enum class Kind { kNfc, kNfd, kNfkc, kNfkd, kLowercase, kStrip, kPrepend, kReplace };
  Kind kind = Kind::kNfc;
  std::string pattern = {}, content = {};  // kReplace: both; kPrepend: content
  bool left = false, right = false;        // kStrip

  bool operator==(const Normalizer&) const = default;
};

/// Reads the member `normalizer`; refuses other kinds by name.
std::vector<Normalizer> read_normalizers(const Json& file, const std::string& file_name);

std::string normalize(const std::vector<Normalizer>& normalizers, std::string_view text);

}  // namespace gptkit
