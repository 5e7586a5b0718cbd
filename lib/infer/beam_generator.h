#pragma once
// Beam search with a model for decoding: the beams of several prompts share each pass over the
// weights, and those of one prompt its keys and values.

#include <functional>
#include <span>
#include <vector>

#include "infer/beam_search.h"
#include "infer/generator.h"
#include "models/decoding_model.h"

namespace gptkit {

/// Called with the index of a prompt that is done and its texts, best first.
using OnBeams = std::function<void(size_t index, const std::vector<Generation>& texts)>;

/// For each prompt the num_return_sequences best texts of beam search; fewer where so few could be
/// chosen. Fails for a prompt that is empty or longer than the context, and one whose beams exceed
/// options.cache_bytes. Throws Stopped when a signal asks for the end (base/stop.h).
std::vector<std::vector<Generation>> generate_beams(DecodingModel& model,
                                                    const EngineOptions& options,
                                                    const Tokenizer& tokenizer,
                                                    std::span<const GenerationRequest> requests,
                                                    const OnBeams& on_done = {});

}  // namespace gptkit
