#include "infer/engine.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>
#include <utility>

#include "base/error.h"

namespace gptkit {

/// A sequence that waits or runs.
struct Engine::Sequence {
  SequenceId id;
  GenerationConfig config;
  Sampler sampler;
  std::vector<TokenId> tokens;  // the prompt, then the new ones
  size_t prompt_tokens;
  std::vector<TokenId> visible = tokens;  // what the model sees: all but what has been forgotten
  std::optional<ConstraintState> constraint = {};
  bool shortened = false;  // the budget ruled out what the model wanted: the constraint ends it
  KvSequence cache = {};
  int64_t cached_tokens = 0;
  // Guesses: how many of the last ones came true, and how many tokens to wait before the next.
  double draft_success = 1;
  int64_t draft_pause = 0;

  int64_t generated() const { return std::ssize(tokens) - static_cast<int64_t>(prompt_tokens); }
  int64_t forgotten() const { return std::ssize(tokens) - std::ssize(visible); }
  int64_t to_compute() const { return std::ssize(visible) - cache.tokens(); }
  bool reads() const { return to_compute() > 1; }  // a prompt, or what is left behind a slide
  bool slides() const { return config.context_overflow == ContextOverflow::kSlide; }
};

/// What a sequence adds to a step: tokens of its own, then guessed ones.
struct Engine::Rows {
  Sequence* owner;
  std::vector<TokenId> tokens;
  size_t drafted = 0;  // the last ones of them
  int64_t wanted = 0;  // logits
  bool open = true;    // all guesses so far came true
  int64_t accepted = 0;
};

namespace {

constexpr int64_t kKeptFirst = 4;  // tokens that a sliding context keeps (arXiv:2309.17453)
constexpr int64_t kDraft = 3;  // with the token before them 4 rows, which cost little more than 1
constexpr double kLeastSuccess = 0.25;  // of guesses; below it they cost more than they save
constexpr int64_t kDraftPause = 48;     // tokens

int64_t pages_for(int64_t tokens) { return (tokens + kPageTokens - 1) / kPageTokens; }

/// Memory that processes can still take, in bytes: with what the system only uses to cache files
/// (MemAvailable, https://docs.kernel.org/filesystems/proc.html). 0: unknown.
int64_t available_memory() {
  std::ifstream file("/proc/meminfo");
  for (std::string key; file >> key;) {
    int64_t kib = 0;
    if (key == "MemAvailable:" && file >> kib) return kib << 10;
    file.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return 0;
}

std::vector<bool> flags(const std::vector<TokenId>& ids, int64_t count) {
  std::vector<bool> set(static_cast<size_t>(count));
  for (const auto id : ids) {
    if (id >= 0 && id < count) set[static_cast<size_t>(id)] = true;
  }
  return set;
}

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

int64_t pages_within(const KvLayout& layout, int64_t bytes) {
  const int64_t budget =
      bytes > 0 ? bytes : std::max<int64_t>(available_memory() / 2, int64_t{64} << 20);
  return budget / layout.page_bytes();
}

Engine::Engine(DecodingModel& model, const EngineOptions& options)
    : model_(model),
      options_(options),
      ends_(flags(options.ends, model.config().vocab_size)),
      not_text_(flags(options.not_text, model.config().vocab_size)),
      pool_(model.layout(), pages_within(model.layout(), options.cache_bytes)) {
  require(pool_.max_pages() > 0, Key{"cache_mib"}, ": ", options.cache_bytes,
          " bytes hold no token; expected at least ", model.layout().page_bytes(), ", which hold ",
          kPageTokens);
}

Engine::~Engine() = default;

int64_t Engine::cache_bytes_in_use() const {
  return (pool_.max_pages() - pool_.free_pages()) * pool_.layout().page_bytes();
}

bool Engine::is_end(TokenId id, const GenerationConfig& config) const {
  const auto index = static_cast<size_t>(id);
  return not_text_[index] || (ends_[index] && !config.ignore_end);
}

/// Tokens of which keys and values are ever needed: the last new one is not read.
int64_t Engine::most_tokens(const Sequence& s) const {
  const int64_t fresh = std::min(tokens_to_come(s), context_length());
  return std::min(context_length(), std::ssize(s.visible) + std::max<int64_t>(fresh - 1, 0));
}

/// New tokens until max_new_tokens or the context ends the text.
int64_t Engine::tokens_to_come(const Sequence& s) const {
  const int64_t wanted = s.config.max_new_tokens - s.generated();
  return s.slides() ? wanted : std::min(wanted, context_length() + 1 - std::ssize(s.visible));
}

int64_t Engine::pages_to_come(const Sequence& s) const {
  return s.cache.pages_needed(most_tokens(s) - s.cache.tokens());
}

void Engine::check_prompt(std::span<const TokenId> prompt, const GenerationConfig& config) const {
  require(!prompt.empty(), "the prompt is empty; give at least one token of text");
  const bool slides = config.context_overflow == ContextOverflow::kSlide;
  require(slides || std::ssize(prompt) <= context_length(), "the prompt has ", prompt.size(),
          " tokens and the model's context holds ", context_length(),
          "; shorten it, or cut its beginning with ", Key{"truncate_prompt"});
  require(!slides || context_length() >= 4 * kKeptFirst, Key{"context_overflow"}, ": a context of ",
          context_length(), " tokens is too short to slide; expected ", 4 * kKeptFirst, " or more");
  for (const auto id : prompt) {
    require(id >= 0 && id < model_.config().vocab_size, "the prompt has the token id ", id,
            " and the model's vocabulary ends at ", model_.config().vocab_size - 1);
  }
}

SequenceId Engine::add(std::span<const TokenId> prompt, const GenerationConfig& config,
                       uint64_t seed, std::shared_ptr<const TokenConstraint> constraint) {
  validate(config);
  require(config.num_beams == 1, Key{"num_beams"}, ": ", config.num_beams,
          " beams are not one sequence; expected 1");
  check_prompt(prompt, config);
  require(config.max_new_tokens > 0, Key{"max_new_tokens"}, ": 0 new tokens; expected at least 1");
  for (const auto& bias : token_biases(config)) {
    require(bias.id < model_.config().vocab_size, Key{"logit_bias"}, ": ", bias.id,
            " is no token; the model's vocabulary ends at ", model_.config().vocab_size - 1);
  }
  auto sequence = std::make_unique<Sequence>(Sequence{
      next_id_, config, Sampler(config, seed), {prompt.begin(), prompt.end()}, prompt.size()});
  if (std::ssize(prompt) > context_length()) slide(*sequence);
  if (constraint) sequence->constraint.emplace(std::move(constraint), tokens_to_come(*sequence));
  const int64_t needed = pages_for(most_tokens(*sequence));
  const int64_t page = pool_.layout().page_bytes();
  require(needed <= pool_.max_pages(), "the prompt of ", prompt.size(), " tokens and ",
          config.max_new_tokens, " new ones need ", needed * page,
          " bytes of keys and values; the cache has ", pool_.max_pages() * page,
          ": give fewer tokens or a larger ", Key{"cache_mib"});
  waiting_.push_back(std::move(sequence));
  return next_id_++;
}

void Engine::cancel(SequenceId id) {
  if (options_.drafter) options_.drafter->forget(id);
  const auto is_it = [&](const auto& sequence) { return sequence->id == id; };
  std::erase_if(waiting_, is_it);
  std::erase_if(running_, is_it);
}

/// Drops remembered beginnings until so many pages are free beside those promised to running
/// sequences.
bool Engine::make_room(int64_t pages) {
  for (const auto& sequence : running_) pages += pages_to_come(*sequence);
  while (pool_.free_pages() < pages) {
    if (!prefixes_.drop_oldest()) return false;
  }
  return true;
}

/// Whether a running sequence is about to compute a beginning that this one can use.
bool Engine::waits_for_prefix(const Sequence& waiting) const {
  if (!options_.reuse_prefixes) return false;
  return std::any_of(running_.begin(), running_.end(), [&](const auto& running) {
    return running->reads() &&
           common_prefix(running->visible, waiting.visible) >= static_cast<size_t>(kPageTokens);
  });
}

void Engine::admit() {
  while (!waiting_.empty() && std::ssize(running_) < options_.most_sequences) {
    auto& next = *waiting_.front();
    if (waits_for_prefix(next)) return;
    // The last token of the prompt is always computed: its logits are wanted.
    next.cache = options_.reuse_prefixes
                     ? prefixes_.find(next.visible, std::ssize(next.visible) - 1)
                     : KvSequence();
    if (!make_room(pages_to_come(next))) {
      next.cache = {};
      return;
    }
    next.cached_tokens = next.cache.tokens();
    prompt_tokens_ += std::ssize(next.visible);
    cached_tokens_ += next.cached_tokens;
    running_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
}

/// Keeps the prompt of a sequence that goes on. A last page that is not full is shared only if
/// there is room for the copy that the sequence then writes to.
void Engine::remember_prompt(const Sequence& s) {
  if (!options_.reuse_prefixes) return;
  const auto full = static_cast<size_t>(s.cache.tokens() / kPageTokens * kPageTokens);
  const auto tokens = std::span<const TokenId>(s.visible);
  prefixes_.insert(make_room(1) ? tokens : tokens.first(full), s.cache);
}

/// Keeps all of a sequence that is done.
void Engine::remember(const Sequence& s) {
  if (options_.reuse_prefixes) prefixes_.insert(s.visible, s.cache);
}

/// Forgets what lies between the first tokens and the last half of the context. What stays moves to
/// new positions, so it is computed again.
void Engine::slide(Sequence& s) const {
  const auto half = context_length() / 2;
  std::vector<TokenId> kept(s.visible.begin(), s.visible.begin() + kKeptFirst);
  kept.insert(kept.end(), s.visible.end() - half, s.visible.end());
  s.visible = std::move(kept);
  s.cache = {};
}

/// The logits with those tokens at -infinity that the sequence's constraint rules out.
std::span<const float> Engine::allowed(Sequence& s, std::span<const float> logits) {
  if (!s.constraint) return logits;
  allowed_.assign(logits.begin(), logits.end());
  s.shortened |= s.constraint->mask(allowed_, tokens_to_come(s));
  return allowed_;
}

/// Errors name the model.
TokenId Engine::next_token(Sequence& s, std::span<const float> logits) {
  try {
    return s.sampler.next(allowed(s, logits), {s.tokens, s.prompt_tokens});
  } catch (const Error& error) {
    if (options_.where.empty()) throw;
    throw Error(error.kind(), concat(options_.where, ": ", error.what()), error.key());
  }
}

EngineStep Engine::sample(Sequence& s, std::span<const float> logits) {
  EngineStep step{.id = s.id, .cached_tokens = s.cached_tokens, .forgotten_tokens = s.forgotten()};
  step.token = next_token(s, logits);
  step.is_text = !is_end(step.token, s.config);
  const auto end = s.shortened ? FinishReason::kLength : FinishReason::kStop;
  if (!step.is_text) {
    step.finish = end;
    return step;
  }
  if (s.config.logprobs > 0) {
    step.logprobs = step_logprobs(logits, step.token, s.config.logprobs);
  }
  s.tokens.push_back(step.token);
  s.visible.push_back(step.token);
  if (s.constraint) s.constraint->accept(step.token);
  if (s.constraint && s.constraint->must_end()) {
    step.finish = end;
  } else if (s.generated() >= s.config.max_new_tokens) {
    step.finish = FinishReason::kLength;
  } else if (std::ssize(s.visible) > context_length()) {
    if (!s.slides()) step.finish = FinishReason::kContext;
  }
  return step;
}

std::vector<TokenId> Engine::draft(Sequence& s, int64_t room) {
  if (!options_.drafter || s.reads()) return {};
  if (s.draft_pause > 0) {
    --s.draft_pause;
    return {};
  }
  const int64_t most = std::min({kDraft, room - 1, most_tokens(s) - std::ssize(s.visible)});
  return most > 0 ? options_.drafter->propose(s.id, s.visible, most) : std::vector<TokenId>();
}

/// Guesses that mostly fail pause for a while.
void Engine::judge_draft(Sequence& s, int64_t drafted, int64_t accepted) {
  drafted_tokens_ += drafted;
  accepted_tokens_ += accepted;
  constexpr double kMemory = 0.8;
  const double success = static_cast<double>(accepted) / static_cast<double>(drafted);
  s.draft_success = kMemory * s.draft_success + (1 - kMemory) * success;
  if (s.draft_success >= kLeastSuccess) return;
  s.draft_success = 2 * kLeastSuccess;
  s.draft_pause = kDraftPause;
}

/// At most `room` tokens of a sequence, with room for their keys and values.
Engine::Rows Engine::next_rows(Sequence& s, int64_t room) {
  const int64_t count = std::min(s.to_compute(), room);
  const auto own = std::span(s.visible).subspan(static_cast<size_t>(s.cache.tokens()),
                                                static_cast<size_t>(count));
  Rows rows{&s, {own.begin(), own.end()}};
  if (count < s.to_compute()) return rows;
  const auto guess = draft(s, room);
  rows.tokens.insert(rows.tokens.end(), guess.begin(), guess.end());
  rows.drafted = guess.size();
  rows.wanted = 1 + std::ssize(guess);
  return rows;
}

std::vector<EngineStep> Engine::step() {
  admit();
  std::vector<Rows> rows;
  int64_t room = model_.options().most_rows;
  // Sequences that decode come first: a long prompt must not hold them up.
  for (const bool prompts : {false, true}) {
    for (const auto& sequence : running_) {
      if (sequence->reads() != prompts || room == 0) continue;
      rows.push_back(next_rows(*sequence, room));
      sequence->cache.grow(pool_, std::ssize(rows.back().tokens));
      room -= std::ssize(rows.back().tokens);
    }
  }
  std::vector<EngineStep> steps;
  if (rows.empty()) return steps;
  std::vector<DecodingModel::Chunk> chunks;
  for (auto& r : rows) chunks.push_back({&r.owner->cache, r.tokens, r.wanted});
  model_.step(chunks, [&](int64_t chunk, int64_t token, std::span<const float> logits) {
    auto& r = rows[static_cast<size_t>(chunk)];
    if (!r.open) return;
    auto& s = *r.owner;
    if (s.tokens.size() == s.prompt_tokens) remember_prompt(s);
    steps.push_back(sample(s, logits));
    // The next row holds if its token is the one that was drawn.
    const auto next = static_cast<size_t>(token) + 1;
    r.open = !steps.back().finish && next < r.tokens.size() && r.tokens[next] == steps.back().token;
    r.accepted += r.open;
  });
  for (auto& r : rows) {
    if (r.drafted == 0) continue;
    judge_draft(*r.owner, static_cast<int64_t>(r.drafted), r.accepted);
    const auto known = r.owner->cache.tokens() - static_cast<int64_t>(r.drafted) + r.accepted;
    r.owner->cache.truncate(known);
  }
  for (const auto& step : steps) {
    if (!step.finish) continue;
    const auto it = std::find_if(running_.begin(), running_.end(),
                                 [&](const auto& sequence) { return sequence->id == step.id; });
    remember(**it);
    if (options_.drafter) options_.drafter->forget(step.id);
    running_.erase(it);
  }
  for (const auto& sequence : running_) {
    if (std::ssize(sequence->visible) > context_length()) slide(*sequence);
  }
  return steps;
}

}  // namespace gptkit
