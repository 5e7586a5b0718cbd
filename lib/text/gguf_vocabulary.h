#pragma once
// The tokenizer of a GGUF file (`tokenizer.ggml.*`) as plain data <-> a Tokenizer. Knows no file:
// the weights layer fills it from one and writes it into one.
// Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; the meaning is llama.cpp's.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "text/token_roles.h"
#include "text/tokenizer.h"

namespace gptkit {

/// llama.cpp's kinds of tokens, the numbers in `tokenizer.ggml.token_type`.
enum class GgufTokenType { kNormal = 1, kUnknown, kControl, kUserDefined, kUnused, kByte };

struct GgufVocabulary {
  std::string model;                // "gpt2": byte-level BPE; "llama": SentencePiece BPE
  std::string pre = {};             // gpt2: the pre-token pattern; empty: GPT-2's
  std::vector<std::string> tokens;  // gpt2: in the byte alphabet, control and user-defined plain
  std::vector<float> scores = {};   // llama: one for each token
  std::vector<std::int32_t> types = {};  // GgufTokenType; empty: all normal (gpt2 only)
  std::vector<std::string> merges = {};  // gpt2: "left right" by rank, in the byte alphabet
  std::optional<std::int64_t> bos_id = {}, eos_id = {}, unk_id = {}, pad_id = {};
  std::optional<std::int64_t> eot_id = {}, eom_id = {};  // end a turn, a message; ends as well
  std::optional<bool> add_bos = {};  // absent: yes for llama and for pre "llama-bpe", else no
  std::optional<bool> add_eos = {};  // absent: no
  std::optional<bool> add_space_prefix = {};  // llama; absent: yes

  bool operator==(const GgufVocabulary&) const = default;
};

/// Fails with `where` (usually a file) and the part that is wrong or not supported.
std::shared_ptr<const Tokenizer> tokenizer_from_gguf(const GgufVocabulary& vocabulary,
                                                     const std::string& where);

/// The roles that the vocabulary gives to tokens. Fails for an end or a pad token that it does not
/// have.
TokenRoles roles_from_gguf(const GgufVocabulary& vocabulary, const Tokenizer& tokenizer,
                           const std::string& where);

/// Puts the roles into a vocabulary to be written. There is room for three ends; more are an error.
void add_roles(const TokenRoles& roles, GgufVocabulary& vocabulary);

/// What a GGUF file says of the tokenizer, so that llama.cpp gives the same ids. Only byte-level
/// BPE and SentencePiece BPE have a form there; fails for others.
GgufVocabulary gguf_vocabulary(const Tokenizer& tokenizer);

}  // namespace gptkit
