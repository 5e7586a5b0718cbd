// Runs a fuzz target without a fuzzer, the same way each time:
//   fuzz_gguf_replay                 the seeds, their truncations and thousands of mutations
//   fuzz_gguf_replay FILE ...        these inputs (what a fuzzer or this program found)
//   fuzz_gguf_replay --seeds FOLDER  writes the seeds, for a real fuzzer to start from
// Under AddressSanitizer a single allocation of more than 256 MiB is an error. An input that ends
// the program or takes more than 10 s is left in the file `crash-input`.

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "base/files.h"
#include "fuzz.h"
#include "mutate.h"

extern "C" {
const char* __asan_default_options();
const char* __asan_default_options() { return "max_allocation_size_mb=256"; }
void __sanitizer_set_death_callback(void (*callback)()) __attribute__((weak));
}

namespace gptkit::fuzz {
namespace {

constexpr unsigned kSecondsPerInput = 10;
constexpr std::size_t kTruncations = 200;

std::vector<std::uint8_t> current;  // no NUL behind it: reading past its end is noticed

/// For signal handlers: system calls only.
void keep_input() {
  constexpr std::string_view kMessage = "the input is in the file crash-input\n";
  const int fd = ::open("crash-input", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const bool kept = fd >= 0 && ::write(fd, current.data(), current.size()) >= 0 &&
                    ::write(STDERR_FILENO, kMessage.data(), kMessage.size()) >= 0;
  if (!kept) ::_exit(3);
}

void on_signal(int signal) {
  keep_input();
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

void watch() {
  // The sanitizers have handlers of their own for the faults of memory.
  if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(keep_input);
  for (const int signal : {SIGABRT, SIGALRM}) ::signal(signal, on_signal);
  if (!__sanitizer_set_death_callback) {
    for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ::signal(signal, on_signal);
  }
}

void run_one(std::string_view input) {
  current.assign(input.begin(), input.end());
  current.shrink_to_fit();
  ::alarm(kSecondsPerInput);
  LLVMFuzzerTestOneInput(current.data(), current.size());
  ::alarm(0);
}

std::size_t run_corpus(const Corpus& corpus) {
  std::size_t runs = 0;
  run_one({});
  for (std::size_t i = 0; i < corpus.seeds.size(); ++i) {
    const std::string& seed = corpus.seeds[i];
    run_one(seed);
    for (std::size_t n = 0; n < kTruncations; ++n, ++runs) {
      run_one(std::string_view(seed).substr(0, seed.size() * n / kTruncations));
    }
    std::mt19937_64 random(i);
    for (int n = 0; n < corpus.mutations_per_seed; ++n, ++runs) {
      run_one(mutate(seed, corpus.seeds, random));
    }
  }
  return runs;
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() == 2 && arguments[0] == "--seeds") {
    fs::create_directories(arguments[1]);
    std::size_t n = 0;
    for (const auto& seed : corpus().seeds) {
      write_file_atomic(fs::path(arguments[1]) / concat("seed-", n++), seed);
    }
    return EXIT_SUCCESS;
  }
  watch();
  if (arguments.empty()) {
    std::cout << run_corpus(corpus()) << " inputs\n";
    return EXIT_SUCCESS;
  }
  for (const auto& file : arguments) run_one(read_file(file));
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace gptkit::fuzz

int main(int argc, char** argv) {
  try {
    return gptkit::fuzz::run({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    gptkit::fuzz::keep_input();
    return EXIT_FAILURE;
  }
}
