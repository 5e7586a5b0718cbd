#include "infer/beam_generator.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/stop.h"
#include "infer/text_stream.h"

namespace gptkit {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

bool contains(const std::vector<TokenId>& ids, TokenId id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

/// What ends the texts of a request.
class TextEnds {
 public:
  TextEnds(const EngineOptions& options, const Tokenizer& tokenizer, const GenerationConfig& config)
      : options_(options), tokenizer_(tokenizer), config_(config) {}

  bool is_end(TokenId id) const {
    return contains(options_.not_text, id) || (!config_.ignore_end && contains(options_.ends, id));
  }
  bool operator()(std::span<const TokenId> generated, TokenId next) const {
    if (is_end(next)) return true;
    if (config_.stop.empty()) return false;
    std::vector<TokenId> tokens(generated.begin(), generated.end());
    tokens.push_back(next);
    return text_of(tokens).second;
  }
  /// The text before a stop text, and whether there is one.
  std::pair<std::string, bool> text_of(std::span<const TokenId> tokens) const {
    TextStream stream(config_.stop, {});
    PieceDecoder pieces(tokenizer_);
    const bool stopped = std::any_of(tokens.begin(), tokens.end(),
                                     [&](TokenId id) { return !stream.append(pieces.next(id)); });
    return {stream.take(), stopped};
  }

 private:
  const EngineOptions& options_;
  const Tokenizer& tokenizer_;
  const GenerationConfig& config_;
};

/// A prompt and its beams.
struct Search {
  size_t index;
  const GenerationRequest& request;
  TextEnds ends;
  BeamSearch beams;
  std::vector<KvSequence> caches = std::vector<KvSequence>(1);  // of the live beams
  Clock::time_point begin = Clock::now();
  double prefill_seconds = 0;

  int64_t to_compute(size_t beam) const {
    return std::ssize(beams.tokens(beam)) - caches[beam].tokens();
  }
};

class BeamGenerator {
 public:
  BeamGenerator(DecodingModel& model, const EngineOptions& options, const Tokenizer& tokenizer)
      : model_(model),
        options_(options),
        tokenizer_(tokenizer),
        pool_(model.layout(), pages_within(model.layout(), options.cache_bytes)) {}

  void add(size_t index, const GenerationRequest& request);
  bool idle() const { return waiting_.empty() && running_.empty(); }
  /// Computes the next piece of work. Calls done(index, texts) for prompts that it ends.
  void step(const OnBeams& done);

 private:
  int64_t context_length() const { return model_.config().context_length; }
  int64_t most_new_tokens(const GenerationRequest& request) const;
  int64_t pages_of(const GenerationRequest& request) const;
  void admit();
  void compute();
  void advance(Search& search);
  std::vector<Generation> texts_of(const Search& search) const;

  DecodingModel& model_;
  const EngineOptions& options_;
  const Tokenizer& tokenizer_;
  KvPagePool pool_;
  int64_t promised_ = 0;  // pages of the running searches, at most
  std::deque<std::unique_ptr<Search>> waiting_;
  std::vector<std::unique_ptr<Search>> running_;
};

/// The token that a full context predicts is the last one.
int64_t BeamGenerator::most_new_tokens(const GenerationRequest& request) const {
  return std::min(request.config.max_new_tokens, context_length() + 1 - std::ssize(request.prompt));
}

/// The beams share the full pages of the prompt.
int64_t BeamGenerator::pages_of(const GenerationRequest& request) const {
  const auto prompt = std::ssize(request.prompt);
  const int64_t shared = prompt / kPageTokens;
  const int64_t tokens = prompt + most_new_tokens(request) - 1;  // the last one is not read
  const int64_t own = (tokens + kPageTokens - 1) / kPageTokens - shared;
  return shared + request.config.num_beams * own;
}

void BeamGenerator::add(size_t index, const GenerationRequest& request) {
  const auto& prompt = request.prompt;
  const auto& config = request.config;
  require(!prompt.empty(), "the prompt is empty; give at least one token of text");
  require(std::ssize(prompt) <= context_length(), "the prompt has ", prompt.size(),
          " tokens and the model's context holds ", context_length(),
          "; shorten it, or cut its beginning with ", Key{"truncate_prompt"});
  const int64_t page = pool_.layout().page_bytes();
  require(pages_of(request) <= pool_.max_pages(), config.num_beams, " beams of ", prompt.size(),
          " tokens and ", config.max_new_tokens, " new ones need ", pages_of(request) * page,
          " bytes of keys and values; the cache has ", pool_.max_pages() * page,
          ": give fewer beams or tokens, or a larger ", Key{"cache_mib"});
  auto limited = config;
  limited.max_new_tokens = most_new_tokens(request);
  const TextEnds ends(options_, tokenizer_, config);
  waiting_.push_back(
      std::make_unique<Search>(Search{index, request, ends, BeamSearch(limited, prompt, ends)}));
}

void BeamGenerator::admit() {
  while (!waiting_.empty() && std::ssize(running_) < options_.most_sequences) {
    const int64_t pages = pages_of(waiting_.front()->request);
    if (promised_ + pages > pool_.max_pages()) return;
    promised_ += pages;
    waiting_.front()->begin = Clock::now();
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

/// One pass over the weights for tokens of which beams lack keys and values.
void BeamGenerator::compute() {
  std::vector<DecodingModel::Chunk> chunks;
  std::vector<std::pair<Search*, size_t>> owners;  // and their beams
  int64_t room = model_.options().most_rows;
  for (const auto& search : running_) {
    for (size_t beam = 0; beam < search->beams.live(); ++beam) {
      const int64_t count = std::min(search->to_compute(beam), room);
      if (count == 0) continue;
      auto& cache = search->caches[beam];
      const auto tokens = search->beams.tokens(beam).subspan(static_cast<size_t>(cache.tokens()));
      const bool last = count == search->to_compute(beam);
      cache.grow(pool_, count);
      chunks.push_back({&cache, tokens.first(static_cast<size_t>(count)), last ? 1 : 0});
      owners.emplace_back(search.get(), beam);
      room -= count;
    }
  }
  model_.step(chunks, [&](int64_t chunk, int64_t, std::span<const float> logits) {
    const auto& [search, beam] = owners[static_cast<size_t>(chunk)];
    search->beams.score(beam, logits);
  });
}

/// New beams share the pages of the beams that they continue.
void BeamGenerator::advance(Search& search) {
  if (search.prefill_seconds == 0) {
    search.prefill_seconds = seconds_since(search.begin);
    search.begin = Clock::now();
  }
  std::vector<KvSequence> caches;
  for (const auto& step : search.beams.advance()) caches.push_back(search.caches[step.parent]);
  search.caches = std::move(caches);
}

std::vector<Generation> BeamGenerator::texts_of(const Search& search) const {
  std::vector<Generation> texts;
  for (const auto& result : search.beams.results()) {
    auto& text = texts.emplace_back();
    text.token_ids = result.tokens;
    const bool full = std::ssize(result.tokens) >= search.request.config.max_new_tokens;
    text.finish_reason = result.ended ? FinishReason::kStop
                         : full       ? FinishReason::kLength
                                      : FinishReason::kContext;
    if (search.ends.is_end(result.tokens.back())) text.token_ids.pop_back();
    text.text = search.ends.text_of(text.token_ids).first;
    text.score = static_cast<double>(result.score);
    text.prompt_tokens = std::ssize(search.request.prompt);
    text.prefill_seconds = search.prefill_seconds;
    text.decode_seconds = seconds_since(search.begin);
  }
  return texts;
}

void BeamGenerator::step(const OnBeams& done) {
  admit();
  compute();
  for (const auto& search : running_) {
    bool computed = true;
    for (size_t i = 0; i < search->beams.live(); ++i) computed &= search->to_compute(i) == 0;
    if (!computed) continue;
    advance(*search);
    if (!search->beams.finished()) continue;
    promised_ -= pages_of(search->request);
    done(search->index, texts_of(*search));
  }
  std::erase_if(running_, [](const auto& search) { return search->beams.finished(); });
}

}  // namespace

std::vector<std::vector<Generation>> generate_beams(DecodingModel& model,
                                                    const EngineOptions& options,
                                                    const Tokenizer& tokenizer,
                                                    std::span<const GenerationRequest> requests,
                                                    const OnBeams& on_done) {
  std::vector<std::vector<Generation>> results(requests.size());
  const auto done = [&](size_t index, const std::vector<Generation>& texts) {
    results[index] = texts;
    if (on_done) on_done(index, texts);
  };
  BeamGenerator generator(model, options, tokenizer);
  for (size_t i = 0; i < requests.size(); ++i) {
    const auto& prompt = requests[i].prompt;
    const auto& config = requests[i].config;
    validate(config);
    if (config.max_new_tokens > 0) {
      generator.add(i, requests[i]);
    } else {
      Generation empty;
      empty.prompt_tokens = std::ssize(prompt);
      done(i, std::vector(static_cast<size_t>(config.num_return_sequences), empty));
    }
  }
  while (!generator.idle()) {
    if (stop_signal() != 0) throw Stopped(stop_signal(), "stopped before the beams were complete");
    generator.step(done);
  }
  return results;
}

}  // namespace gptkit
