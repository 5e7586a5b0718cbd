#include "infer/constraint/threads.h"

#include <algorithm>
#include <tuple>
#include <unordered_set>
#include <utility>

namespace gptkit {

namespace {

using Kind = GrammarState::Kind;
using CallPointer = std::shared_ptr<const GrammarCall>;

std::uint64_t mixed(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  return hash ^ hash >> 32;
}

std::uint64_t hash_of(const CallPointer& call) { return call ? call->hash : 1; }

bool same_calls(const GrammarCall* a, const GrammarCall* b) {
  while (a != b) {
    if (!a || !b || a->hash != b->hash || a->repeat != b->repeat || a->count != b->count) {
      return false;
    }
    a = a->around.get();
    b = b->around.get();
  }
  return true;
}

struct ThreadHash {
  std::size_t operator()(const GrammarThread& thread) const { return thread.hash; }
};

/// One more call; a count that no longer matters stands still, so that sets repeat.
std::uint32_t next_count(const GrammarState& repeat, std::uint32_t count) {
  const auto most =
      repeat.most == ByteGrammar::kUnbounded ? std::max(repeat.least, 1u) : repeat.most;
  return std::min(count + 1, most);
}

}  // namespace

bool operator==(const GrammarThread& a, const GrammarThread& b) {
  return a.hash == b.hash && a.state == b.state && same_calls(a.call.get(), b.call.get());
}

bool operator==(const GrammarThreads& a, const GrammarThreads& b) {
  return a.hash == b.hash && a.complete == b.complete && a.all == b.all;
}

/// Follows splits, calls and returns until every thread reads.
class ThreadReader::Closure {
 public:
  explicit Closure(const ThreadReader& reader) : grammar_(reader.grammar_), ends_(reader.ends_) {}

  void add(StateId state, const CallPointer& call) {
    waiting_.emplace_back(state, call);
    while (!waiting_.empty()) {
      const auto [s, c] = std::move(waiting_.back());
      waiting_.pop_back();
      visit(s, c);
    }
  }

  GrammarThreads finish() {
    auto& all = result_.all;
    if (all.size() > kMostThreads) keep_shortest();
    std::sort(all.begin(), all.end(), [](const GrammarThread& a, const GrammarThread& b) {
      return std::tie(a.state, a.hash) < std::tie(b.state, b.hash);
    });
    result_.hash = result_.complete ? 1 : 0;
    if (result_.complete) result_.tokens = 0;
    for (const auto& thread : all) {
      result_.hash = mixed(result_.hash, thread.hash);
      result_.tokens = std::min(result_.tokens, thread.tokens);
      result_.may_grow |= thread.tokens < ShortestEnd::kNever;
    }
    return std::move(result_);
  }

 private:
  void visit(StateId s, const CallPointer& call) {
    const auto& state = grammar_.state(s);
    const auto tokens = add_tokens(ends_[s].tokens, 1, call ? call->tokens : 0);
    const auto depth = ends_[s].depth + (call ? call->depth : 0);
    if (depth > kMostDepth) return;
    GrammarThread thread{s, call, tokens, mixed(hash_of(call), s)};
    if (!seen_.insert(thread).second) return;
    switch (state.kind) {
      case Kind::kBytes:
        result_.all.push_back(std::move(thread));
        break;
      case Kind::kSplit:
        for (const auto target : grammar_.targets(state)) waiting_.emplace_back(target, call);
        break;
      case Kind::kRepeat:
        if (state.least == 0) waiting_.emplace_back(state.next, call);
        enter(s, 1, call);
        break;
      case Kind::kReturn:
        leave(call);
        break;
    }
  }

  void enter(StateId repeat, std::uint32_t count, const CallPointer& around) {
    const auto& state = grammar_.state(repeat);
    GrammarCall call{around, repeat, count, around ? around->depth : 0,
                     around ? around->tokens : 0};
    if (call.depth + ends_[state.next].depth > kMostDepth) return;
    call.depth += state.nests ? 1 : 0;
    call.tokens = add_tokens(call.tokens, 1, ends_[state.next].tokens);
    const auto left = state.least > count ? state.least - count : 0;
    call.tokens = add_tokens(call.tokens, left, ends_[state.body].tokens);
    call.hash = mixed(mixed(hash_of(around), repeat), count);
    waiting_.emplace_back(state.body, std::make_shared<const GrammarCall>(std::move(call)));
  }

  void leave(const CallPointer& call) {
    if (!call) {
      result_.complete = true;
      return;
    }
    const auto& state = grammar_.state(call->repeat);
    if (call->count >= state.least) waiting_.emplace_back(state.next, call->around);
    if (call->count < state.most) enter(call->repeat, next_count(state, call->count), call->around);
  }

  void keep_shortest() {
    auto& all = result_.all;
    const auto shorter = [](const GrammarThread& a, const GrammarThread& b) {
      return std::tie(a.tokens, a.state, a.hash) < std::tie(b.tokens, b.state, b.hash);
    };
    std::nth_element(all.begin(), all.begin() + kMostThreads, all.end(), shorter);
    all.resize(kMostThreads);
  }

  const ByteGrammar& grammar_;
  const std::vector<ShortestEnd>& ends_;
  GrammarThreads result_;
  std::vector<std::pair<StateId, CallPointer>> waiting_;
  std::unordered_set<GrammarThread, ThreadHash> seen_;
};

GrammarThreads ThreadReader::start() const {
  Closure closure(*this);
  closure.add(grammar_.start(), nullptr);
  return closure.finish();
}

GrammarThreads ThreadReader::read(const GrammarThreads& threads, std::uint8_t byte) const {
  Closure closure(*this);
  for (const auto& thread : threads.all) {
    for (const auto& edge : grammar_.edges(grammar_.state(thread.state))) {
      if (edge.first <= byte && byte <= edge.last) closure.add(edge.next, thread.call);
    }
  }
  return closure.finish();
}

}  // namespace gptkit
