#include "tasks/generate/benchmark.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <numeric>
#include <span>
#include <vector>

#include "base/error.h"
#include "base/stop.h"
#include "base/thread_team.h"
#include "kernels/decoding.h"

namespace gptkit {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRounds = 5;

double seconds_of(const std::function<void()>& work) {
  const auto begin = Clock::now();
  work();
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Tokens that spread over the vocabulary; no two sequences are alike.
std::vector<int32_t> made_up(int64_t count, int64_t sequence, int64_t vocabulary) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < count; ++i) {
    ids.push_back(static_cast<int32_t>((i * 7919 + (sequence + 1) * 104729) % vocabulary));
  }
  return ids;
}

/// Appends tokens to sequences in steps that the model can take; the best token behind each.
class Runner {
 public:
  explicit Runner(DecodingModel& model, KvPagePool& pool) : model_(model), pool_(pool) {}

  int32_t read(KvSequence& sequence, std::span<const int32_t> ids) {
    int32_t best = 0;
    while (!ids.empty()) {
      const auto part =
          ids.first(std::min(ids.size(), static_cast<size_t>(model_.options().most_rows)));
      ids = ids.subspan(part.size());
      sequence.grow(pool_, std::ssize(part));
      const DecodingModel::Chunk chunk{&sequence, part, ids.empty() ? 1 : 0};
      model_.step({&chunk, 1}, [&](int64_t, int64_t, auto logits) { best = likeliest(logits); });
    }
    return best;
  }

  void decode(std::vector<KvSequence>& sequences, std::vector<int32_t>& last) {
    std::vector<DecodingModel::Chunk> chunks;
    for (size_t i = 0; i < sequences.size(); ++i) {
      sequences[i].grow(pool_, 1);
      chunks.push_back({&sequences[i], {&last[i], 1}, 1});
    }
    std::vector<int32_t> next(last.size());
    model_.step(chunks, [&](int64_t chunk, int64_t, auto logits) {
      next[static_cast<size_t>(chunk)] = likeliest(logits);
    });
    last = next;
  }

 private:
  int32_t likeliest(std::span<const float> logits) const {
    const auto best = model_.kernels().argmax(logits.data(), std::ssize(logits));
    require(best >= 0, "the model's results are NaN or infinite");
    return static_cast<int32_t>(best);
  }

  DecodingModel& model_;
  KvPagePool& pool_;
};

/// Bytes per second that this many threads read of memory that no cache holds.
double memory_speed(int threads) {
  constexpr size_t kFloats = size_t{64} << 20;  // 256 MiB
  const std::vector<float> memory(kFloats, 1.0F);
  std::vector<float> sums(static_cast<size_t>(threads) * 16);
  ThreadTeam team(threads);
  std::vector<double> seconds;
  for (int round = 0; round < kRounds; ++round) {
    seconds.push_back(seconds_of([&] {
      team.run([&](int member) {
        const auto share = share_of(kFloats / 16, member, team.size());
        float lanes[16] = {};
        for (int64_t i = share.begin; i < share.end; ++i) {
          for (int64_t lane = 0; lane < 16; ++lane) {
            lanes[lane] += memory[static_cast<size_t>(16 * i + lane)];
          }
        }
        std::copy(lanes, lanes + 16, sums.begin() + 16 * member);
      });
    }));
  }
  require(std::accumulate(sums.begin(), sums.end(), 0.0) > 0, "memory reads as zeros");
  return static_cast<double>(kFloats * sizeof(float)) /
         *std::min_element(seconds.begin(), seconds.end());
}

/// Tokens per second.
struct Speeds {
  double prefill = 0, decode = 0;
};

Speeds measure_speeds(DecodingModel& model, const BenchmarkOptions& o) {
  const int64_t vocabulary = model.config().vocab_size;
  const int64_t context = model.config().context_length;
  const int64_t new_tokens = std::min(o.new_tokens, context - o.prompt_tokens);
  const int64_t prefill = std::min(o.prefill_tokens, context);
  require(new_tokens > 1 && o.sequences >= 1, "a benchmark of ", new_tokens, " new tokens for ",
          o.sequences, " sequences; expected at least 2 for 1");
  const auto pages = [](int64_t tokens) { return tokens / kPageTokens + 2; };
  KvPagePool pool(model.layout(),
                  o.sequences * pages(o.prompt_tokens + new_tokens) + pages(prefill));
  Runner runner(model, pool);
  std::vector<double> reading, decoding;
  for (int round = 0; round <= kRounds; ++round) {
    stop_if_asked("stopped during the benchmark");
    KvSequence prompt;
    const auto ids = made_up(prefill, 1000 + round, vocabulary);
    reading.push_back(seconds_of([&] { runner.read(prompt, ids); }));
    std::vector<KvSequence> sequences(static_cast<size_t>(o.sequences));
    std::vector<int32_t> last;
    for (size_t i = 0; i < sequences.size(); ++i) {
      last.push_back(
          runner.read(sequences[i], made_up(o.prompt_tokens, static_cast<int64_t>(i), vocabulary)));
    }
    decoding.push_back(seconds_of([&] {
      for (int64_t token = 1; token < new_tokens; ++token) runner.decode(sequences, last);
    }));
  }
  // The first round warms caches up.
  reading.erase(reading.begin());
  decoding.erase(decoding.begin());
  return {static_cast<double>(prefill) / median(reading),
          static_cast<double>((new_tokens - 1) * o.sequences) / median(decoding)};
}

}  // namespace

double decode_tokens_per_second(DecodingModel& model, const BenchmarkOptions& options) {
  return measure_speeds(model, options).decode;
}

OrderedJson run_benchmark(DecodingModel& model, const BenchmarkOptions& o) {
  const auto speeds = measure_speeds(model, o);
  const double steps = speeds.decode / static_cast<double>(o.sequences);
  const double speed = memory_speed(model.threads());
  return {{"prefill_tokens_per_second", speeds.prefill},
          {"decode_tokens_per_second", speeds.decode},
          {"bytes_per_token", model.bytes_per_token()},
          {"memory_bytes_per_second", speed},
          {"share_of_memory_speed", static_cast<double>(model.bytes_per_token()) * steps / speed},
          {"weights", model.describe_weights()},
          {"kernels", model.kernels().name},
          {"sequences", o.sequences},
          {"threads", model.threads()}};
}

}  // namespace gptkit
