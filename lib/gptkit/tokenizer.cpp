#include "gptkit/tokenizer.h"

#include <utility>

#include "gptkit/inside/tokenizer_impl.h"
#include "gptkit/inside/translate.h"
#include "gptkit/tokenizer_training.h"
#include "tasks/tokenize/tokenize.h"

namespace gptkit::api {

namespace {

gptkit::SpecialTokens inside(SpecialTokens special) {
  return special == SpecialTokens::kAllow ? gptkit::SpecialTokens::kAllow
                                          : gptkit::SpecialTokens::kAsText;
}

}  // namespace

Tokenizer::Tokenizer(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}

Tokenizer Tokenizer::load(const std::string& name_or_path) {
  return translated([&] { return public_tokenizer(load_tokenizer(name_or_path)); });
}

TokenIds Tokenizer::encode(std::string_view text, SpecialTokens special) const {
  return translated([&] { return impl_->tokenizer->encode(text, inside(special)); });
}

std::string Tokenizer::decode(std::span<const TokenId> ids) const {
  return translated([&] { return impl_->tokenizer->decode(ids); });
}

std::int64_t Tokenizer::vocab_size() const { return impl_->tokenizer->vocab_size(); }

std::optional<TokenId> Tokenizer::special_id(std::string_view text) const {
  return impl_->tokenizer->special_id(text);
}

std::optional<TokenId> Tokenizer::end_of_text() const { return impl_->tokenizer->end_of_text(); }

void Tokenizer::save(const std::filesystem::path& folder) const {
  translated([&] { impl_->tokenizer->save(folder); });
}

Tokenizer train_tokenizer(const std::vector<std::filesystem::path>& files,
                          const std::filesystem::path& out, const TokenizerTraining& options) {
  return translated([&] {
    gptkit::TokenizerTraining training;
    training.algorithm = options.algorithm;
    training.vocab_size = options.vocab_size;
    const bool learns_pieces = options.algorithm == "bpe" || options.algorithm == "unigram";
    if (learns_pieces && !training.vocab_size) training.vocab_size = 32000;
    training.files = files;
    training.out = out;
    training.threads = options.threads;
    return public_tokenizer(gptkit::train_tokenizer(training));
  });
}

}  // namespace gptkit::api
