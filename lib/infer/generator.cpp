#include "infer/generator.h"

#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <utility>

#include "base/error.h"
#include "base/stop.h"
#include "infer/sampler.h"
#include "tensors/finite.h"

namespace gptkit {

namespace {

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

uint64_t resolved_seed(const GenerationConfig& config) {
  return config.seed == -1 ? std::random_device{}() : static_cast<uint64_t>(config.seed);
}

torch::Tensor ids_tensor(std::span<const TokenId> ids, torch::Device device) {
  const std::vector<int64_t> wide(ids.begin(), ids.end());
  return torch::tensor(wide, torch::kInt64).unsqueeze(0).to(device);  // (1,T)
}

/// Collects the text, hands out what can no longer change, and watches for stop texts.
class TextStream {
 public:
  TextStream(const std::vector<std::string>& stops, const OnText& on_text)
      : stops_(stops), on_text_(on_text) {}

  /// False when a stop text was completed or the receiver wants no more.
  bool append(std::string_view bytes) {
    text_ += bytes;
    auto end = std::string::npos;
    // Only text that was still held back can begin a stop text.
    for (const auto& stop : stops_) end = std::min(end, text_.find(stop, sent_));
    if (end == std::string::npos) return send(text_.size() - held_back());
    text_.resize(end);
    send(end);
    return false;
  }

  void finish() { send(text_.size()); }
  std::string take() { return std::move(text_); }

 private:
  size_t held_back() const {
    size_t held = incomplete_utf8_suffix(text_);
    for (const auto& stop : stops_) {
      const size_t most = std::min(stop.size() - 1, text_.size() - sent_);
      for (size_t n = most; n > held; --n) {
        if (text_.ends_with(std::string_view(stop).substr(0, n))) held = n;
      }
    }
    return std::min(held, text_.size() - sent_);
  }

  bool send(size_t end) {
    if (end <= sent_ || !wanted_) return wanted_;
    const auto piece = std::string_view(text_).substr(sent_, end - sent_);
    sent_ = end;
    wanted_ = !on_text_ || on_text_(piece);
    return wanted_;
  }

  const std::vector<std::string>& stops_;
  const OnText& on_text_;
  std::string text_;
  size_t sent_ = 0;
  bool wanted_ = true;  // until the receiver says no
};

/// The text that each new token adds.
class PieceDecoder {
 public:
  explicit PieceDecoder(const Tokenizer& tokenizer)
      : tokenizer_(tokenizer), joins_words_(tokenizer.algorithm() == "word") {}

  std::string next(TokenId id) {
    if (!joins_words_) return tokenizer_.token_bytes(id);
    // A word's blank depends on its neighbour: decode everything and hand out what is new.
    ids_.push_back(id);
    const auto text = tokenizer_.decode(ids_);
    const auto known = std::exchange(length_, text.size());
    return (known == 0 ? " " : "") + text.substr(std::min(known, text.size()));
  }

 private:
  const Tokenizer& tokenizer_;
  bool joins_words_;
  std::vector<TokenId> ids_;
  size_t length_ = 0;
};

}  // namespace

const char* to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::kLength:
      return "length";
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kContext:
      return "context";
  }
  return "";
}

double Generation::tokens_per_second() const {
  const auto decoded =
      static_cast<double>(token_ids.size()) - 1;  // the first comes with the prompt
  return decoded > 0 && decode_seconds > 0 ? decoded / decode_seconds : 0;
}

size_t incomplete_utf8_suffix(std::string_view text) {
  for (size_t back = 1; back <= std::min<size_t>(3, text.size()); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xC0) == 0x80) continue;  // a continuation: look further back for its lead
    const size_t length = byte >= 0xF0 && byte < 0xF5 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 1;
    return byte < 0xF5 && length > back ? back : 0;
  }
  return 0;
}

Generation generate(const LanguageModel& model, std::span<const TokenId> prompt,
                    const GenerationConfig& config, const OnText& on_text) {
  validate(config);
  auto gpt = model.gpt;
  const auto& shape = gpt->config();
  const auto prompt_tokens = static_cast<int64_t>(prompt.size());
  require(prompt_tokens > 0, "the prompt is empty; give at least one token of text");
  require(prompt_tokens <= shape.context_length, "the prompt has ", prompt_tokens,
          " tokens and the model's context holds ", shape.context_length,
          "; shorten it, or cut its beginning with ", Key{"truncate_prompt"});
  torch::InferenceMode inference;
  const auto device = gpt->device();
  const auto ends =
      config.ignore_end ? std::vector<TokenId>() : generation_ends(model.roles, *model.tokenizer);

  Generation result;
  result.prompt_tokens = prompt_tokens;
  if (config.max_new_tokens == 0) return result;
  const int64_t room = std::min(
      shape.context_length, prompt_tokens + std::min(config.max_new_tokens, shape.context_length));
  KvCache cache(cache_shape(shape), /*batch=*/1, room,
                torch::TensorOptions(device).dtype(gpt->token_embedding()->weight.dtype()));
  Sampler sampler(config, resolved_seed(config));
  TextStream stream(config.stop, on_text);
  PieceDecoder pieces(*model.tokenizer);
  std::vector<TokenId> sequence(prompt.begin(), prompt.end());

  auto begin = std::chrono::steady_clock::now();
  const auto last_logits = [&](std::span<const TokenId> ids) {
    const auto hidden = gpt->hidden(ids_tensor(ids, device), &cache);                  // (1,T,C)
    const auto logits = gpt->logits(hidden.select(1, hidden.size(1) - 1)).squeeze(0);  // (V)
    require_finite_results(logits, model.where);
    return logits;
  };
  auto logits = last_logits(prompt);
  result.prefill_seconds = seconds_since(begin);
  begin = std::chrono::steady_clock::now();
  while (true) {
    if (stop_signal() != 0) {
      stream.finish();
      throw Stopped(stop_signal(), concat("stopped after ", result.token_ids.size(), " of at most ",
                                          config.max_new_tokens, " tokens"));
    }
    const TokenId id = sampler.next(logits, sequence);
    const bool is_end =
        std::find(ends.begin(), ends.end(), id) != ends.end() || !model.tokenizer->contains(id);
    if (!is_end) {
      result.token_ids.push_back(id);
      sequence.push_back(id);
    }
    if (is_end || !stream.append(pieces.next(id))) {
      result.finish_reason = FinishReason::kStop;
      break;
    }
    if (static_cast<int64_t>(result.token_ids.size()) >= config.max_new_tokens) break;
    if (static_cast<int64_t>(sequence.size()) > shape.context_length) {
      result.finish_reason = FinishReason::kContext;
      break;
    }
    logits = last_logits(std::span(&sequence.back(), 1));
  }
  result.decode_seconds = seconds_since(begin);
  stream.finish();
  result.text = stream.take();
  return result;
}

}  // namespace gptkit
