#pragma once
// generate --benchmark: how fast a model reads prompts and decodes on this machine.

#include <cstdint>
#include <string>

#include "base/json.h"
#include "models/decoding_model.h"

namespace gptkit {

struct BenchmarkOptions {
  int64_t sequences = 1;         ///< that decode together
  int64_t new_tokens = 128;      ///< of each
  int64_t prompt_tokens = 32;    ///< of each, before decoding
  int64_t prefill_tokens = 512;  ///< of the prompt whose reading is measured
};

/// Medians of several rounds with made-up tokens: {"prefill_tokens_per_second",
/// "decode_tokens_per_second" (all sequences together), "bytes_per_token" (weights read for a
/// step), "memory_bytes_per_second" (measured), "share_of_memory_speed", "weights", "kernels",
/// "sequences", "threads"}.
OrderedJson run_benchmark(DecodingModel& model, const BenchmarkOptions& options);
/// The second of these alone.
double decode_tokens_per_second(DecodingModel& model, const BenchmarkOptions& options);

}  // namespace gptkit
