// llama.cpp as compare.py runs it, through its library. prepare.py builds this; gptkit does not.
//   llama_peer measure MODEL.gguf THREADS NEW SEQUENCES PREFILL ROUNDS
//     Greedy decoding of NEW tokens for SEQUENCES prompts of 32 tokens, all in one batch a step,
//     and one pass over PREFILL tokens: tokens/s of each round, as one line of JSON. The first of
//     several rounds warms up and is left out.
//   llama_peer quantize IN.gguf OUT.gguf q8_0|q4_0
//     As llama.cpp's own program: at q4_0 it keeps the head at more bits.
// LLAMA_LIBS is the folder of the library and of its variants for each processor.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "ggml-backend.h"
#include "llama.h"

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kPrompt = 32;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

void check(bool good, const std::string& what) {
  if (!good) throw std::runtime_error(what);
}

/// Some token of the prompt; both models know these ids.
llama_token prompt_token(int sequence, int position) {
  return 500 + static_cast<llama_token>((sequence * 1021L + position * 48271L) % 30000);
}

class Model {
 public:
  Model(const char* file, int threads, int tokens, int sequences) {
    model_ = llama_model_load_from_file(file, llama_model_default_params());
    check(model_ != nullptr, std::string(file) + ": llama.cpp cannot load it");
    auto params = llama_context_default_params();
    params.n_ctx = static_cast<uint32_t>(tokens);
    params.n_batch = params.n_ubatch = 512;
    params.n_seq_max = static_cast<uint32_t>(sequences);
    params.n_threads = params.n_threads_batch = threads;
    params.kv_unified = true;
    context_ = llama_init_from_model(model_, params);
    check(context_ != nullptr, "llama.cpp cannot make a context");
    vocab_size_ = llama_vocab_n_tokens(llama_model_get_vocab(model_));
    batch_ = llama_batch_init(512, 0, 1);
  }

  void forget() { llama_memory_clear(llama_get_memory(context_), true); }

  void add(llama_token token, int position, int sequence, bool logits) {
    const int i = batch_.n_tokens++;
    batch_.token[i] = token;
    batch_.pos[i] = position;
    batch_.n_seq_id[i] = 1;
    batch_.seq_id[i][0] = sequence;
    batch_.logits[i] = static_cast<int8_t>(logits);
  }

  /// Runs what was added.
  void run() {
    check(llama_decode(context_, batch_) == 0, "llama_decode failed");
    batch_.n_tokens = 0;
  }

  /// The likeliest token after the i-th of the last run.
  llama_token likeliest(int i) {
    const float* logits = llama_get_logits_ith(context_, i);
    return static_cast<llama_token>(std::max_element(logits, logits + vocab_size_) - logits);
  }

  /// The first `count` tokens of a prompt in one pass; returns the token after it.
  llama_token prefill(int sequence, int count) {
    for (int i = 0; i < count; ++i) add(prompt_token(sequence, i), i, sequence, i == count - 1);
    run();
    return likeliest(count - 1);
  }

 private:
  llama_model* model_ = nullptr;
  llama_context* context_ = nullptr;
  llama_batch batch_{};
  int vocab_size_ = 0;
};

/// Tokens/s of all sequences together, the prompts and the first tokens not counted.
double decode(Model& model, int tokens, int sequences) {
  model.forget();
  std::vector<llama_token> last;
  for (int s = 0; s < sequences; ++s) last.push_back(model.prefill(s, kPrompt));
  const auto begin = Clock::now();
  for (int step = 0; step + 1 < tokens; ++step) {
    for (int s = 0; s < sequences; ++s) model.add(last[s], kPrompt + step, s, true);
    model.run();
    for (int s = 0; s < sequences; ++s) last[s] = model.likeliest(s);
  }
  return tokens > 1 ? sequences * (tokens - 1) / seconds_since(begin) : 0;
}

double prefill(Model& model, int tokens) {
  model.forget();
  const auto begin = Clock::now();
  model.prefill(0, tokens);
  return tokens / seconds_since(begin);
}

std::string json_list(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : ", ") + std::to_string(value);
  return "[" + text + "]";
}

void measure(std::span<char*> args) {
  check(args.size() == 6, "measure needs MODEL THREADS NEW SEQUENCES PREFILL ROUNDS");
  const int threads = std::atoi(args[1]), tokens = std::atoi(args[2]);
  const int sequences = std::atoi(args[3]), prompt = std::atoi(args[4]);
  const int rounds = std::atoi(args[5]);
  const int room = (kPrompt + tokens) * sequences;
  Model model(args[0], threads, std::max(room, prompt) + 64, sequences);
  std::vector<double> decodes, prefills;
  for (int round = 0; round < rounds; ++round) {
    const double decoded = decode(model, tokens, sequences);
    const double filled = prompt > 0 ? prefill(model, prompt) : 0;
    if (round == 0 && rounds > 1) continue;
    decodes.push_back(decoded);
    if (prompt > 0) prefills.push_back(filled);
  }
  std::cout << "{\"decode\": " << json_list(decodes) << ", \"prefill\": " << json_list(prefills)
            << ", \"kernels\": \"" << llama_print_system_info() << "\"}\n";
}

void quantize(std::span<char*> args) {
  check(args.size() == 3, "quantize needs IN OUT TYPE");
  const std::string type = args[2];
  check(type == "q8_0" || type == "q4_0", "TYPE must be q8_0 or q4_0");
  auto params = llama_model_quantize_default_params();
  params.ftype = type == "q8_0" ? LLAMA_FTYPE_MOSTLY_Q8_0 : LLAMA_FTYPE_MOSTLY_Q4_0;
  check(llama_model_quantize(args[0], args[1], &params) == 0, "llama.cpp cannot quantize it");
}

}  // namespace

int main(int argc, char** argv) try {
  check(argc > 1, "usage: llama_peer measure|quantize ...; see the file's head");
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  const char* libraries = std::getenv("LLAMA_LIBS");
  check(libraries != nullptr, "LLAMA_LIBS must name the folder of llama.cpp's libraries");
  ggml_backend_load_all_from_path(libraries);
  llama_backend_init();
  const std::span<char*> args(argv + 2, static_cast<std::size_t>(argc - 2));
  if (std::string(argv[1]) == "quantize") {
    quantize(args);
  } else {
    measure(args);
  }
} catch (const std::exception& error) {
  std::cerr << "llama_peer: " << error.what() << '\n';
  return 1;
}
