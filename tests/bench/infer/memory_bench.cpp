// memory_bench THREADS [ROUNDS]: GB/s (1e9 bytes) at which the threads together read memory, each
// its own part of a block of 1 GiB from beginning to end, as one line of JSON. Decoding cannot be
// faster than this divided by the bytes of the weights, which every step reads once.

#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/parallel.h"

namespace {

using Words = std::span<const uint64_t>;

constexpr std::size_t kWords = (std::size_t{1} << 30) / sizeof(uint64_t);

using Bytes16 = uint64_t __attribute__((vector_size(16), may_alias));
using Bytes32 = uint64_t __attribute__((vector_size(32), may_alias));

/// Their sum through eight vectors, so that no addition waits for the one before. The words beyond
/// the last whole eight vectors are left out.
template <typename Vector>
[[gnu::always_inline]] inline uint64_t sum_vectors(Words words) {
  constexpr std::size_t kSums = 8, kWidth = sizeof(Vector) / sizeof(uint64_t);
  Vector sums[kSums] = {};
  const auto* vectors = reinterpret_cast<const Vector*>(words.data());
  for (std::size_t i = 0; i + kSums <= words.size() / kWidth; i += kSums) {
#pragma GCC unroll 8
    for (std::size_t j = 0; j < kSums; ++j) sums[j] += vectors[i + j];
  }
  uint64_t total = 0;
  for (const Vector& sum : sums) {
    for (std::size_t k = 0; k < kWidth; ++k) total += sum[k];
  }
  return total;
}

struct Reader {
  std::string_view name;
  uint64_t (*sum)(Words);
};

uint64_t sum_16_bytes(Words words) { return sum_vectors<Bytes16>(words); }

#if defined(__x86_64__)
[[gnu::target("avx2")]] uint64_t sum_avx2(Words words) { return sum_vectors<Bytes32>(words); }

Reader fastest_reader() {
  if (__builtin_cpu_supports("avx2")) return {"avx2", sum_avx2};
  return {"16 bytes", sum_16_bytes};
}
#else
Reader fastest_reader() { return {"16 bytes", sum_16_bytes}; }
#endif

/// Ones in huge pages where the system has them, so that address translation costs little.
Words block_of_ones() {
  void* memory = ::mmap(nullptr, kWords * sizeof(uint64_t), PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  gptkit::require(memory != MAP_FAILED, "cannot get 1 GiB of memory");
#if defined(MADV_HUGEPAGE)
  ::madvise(memory, kWords * sizeof(uint64_t), MADV_HUGEPAGE);
#endif
  auto* words = static_cast<uint64_t*>(memory);
  std::fill_n(words, kWords, uint64_t{1});
  return {words, kWords};
}

double gigabytes_per_second(const Reader& reader, Words words, int threads) {
  const auto count = static_cast<std::size_t>(threads);
  const std::size_t part = words.size() / count / 64 * 64;  // whole vectors of every reader
  std::vector<uint64_t> sums(count);
  const auto begin = std::chrono::steady_clock::now();
  gptkit::parallel_for(count, threads,
                       [&](std::size_t i) { sums[i] = reader.sum(words.subspan(i * part, part)); });
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;
  for (const uint64_t sum : sums) gptkit::require(sum == part, "a part's sum is wrong");
  return static_cast<double>(count * part * sizeof(uint64_t)) / spent.count() / 1e9;
}

}  // namespace

int main(int argc, char** argv) try {
  gptkit::require(argc == 2 || argc == 3, "usage: memory_bench THREADS [ROUNDS]");
  const int threads = std::atoi(argv[1]), rounds = argc == 3 ? std::atoi(argv[2]) : 15;
  gptkit::require(threads > 0 && rounds > 0, "THREADS and ROUNDS must be at least 1");
  const auto words = block_of_ones();
  const auto reader = fastest_reader();
  std::vector<double> speeds;
  for (int i = 0; i < rounds; ++i) speeds.push_back(gigabytes_per_second(reader, words, threads));
  std::sort(speeds.begin(), speeds.end());
  std::cout << gptkit::dump_json(gptkit::OrderedJson{{"threads", threads},
                                                     {"reader", reader.name},
                                                     {"best_gb_s", speeds.back()},
                                                     {"median_gb_s", speeds[speeds.size() / 2]},
                                                     {"least_gb_s", speeds.front()}})
            << '\n';
} catch (const gptkit::Error& error) {
  std::cerr << "memory_bench: " << error.what() << '\n';
  return error.exit_code();
}
