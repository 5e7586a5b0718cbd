#include "base/parallel.h"

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

#include "support/support.h"

namespace gptkit {
namespace {

TEST(PhysicalCores, AreAtLeastOneAndAtMostTheProcessorsAllowed) {
  EXPECT_GE(physical_cores(), 1);
  EXPECT_LE(physical_cores(), static_cast<int>(std::thread::hardware_concurrency()));
}

TEST(PhysicalCores, FollowTheAffinityOfTheProcess) {
  int cores = 0;
  std::thread([&] {  // affinity belongs to a thread
    cpu_set_t allowed, one;
    sched_getaffinity(0, sizeof allowed, &allowed);
    int first = 0;
    while (!CPU_ISSET(first, &allowed)) ++first;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    sched_setaffinity(0, sizeof one, &one);
    cores = physical_cores();
  })
      .join();
  EXPECT_EQ(cores, 1);
}

TEST(ParallelFor, CallsEveryIndexOnce) {
  for (const int threads : {-1, 0, 1, 2, 8}) {
    for (const std::size_t count : {0u, 1u, 3u, 1000u}) {
      std::vector<std::atomic<int>> calls(count);
      parallel_for(count, threads, [&](std::size_t i) { ++calls[i]; });
      for (const auto& n : calls) EXPECT_EQ(n, 1);
    }
  }
}

TEST(ParallelFor, OneThreadGoesInOrderOnTheCaller) {
  std::vector<std::size_t> seen;
  const auto caller = std::this_thread::get_id();
  parallel_for(5, 1, [&](std::size_t i) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    seen.push_back(i);
  });
  EXPECT_THAT(seen, testing::ElementsAre(0, 1, 2, 3, 4));
}

TEST(ParallelFor, RethrowsTheErrorOfTheLowestIndex) {
  for (int round = 0; round < 50; ++round) {
    test::expect_error(
        [&] {
          parallel_for(100, 4, [](std::size_t i) {
            if (i % 10 == 7) fail("index ", i, ".");
          });
        },
        "index 7.");
  }
}

TEST(StartableThreads, AreThoseWantedUnlessALimitStandsAgainstThem) {
  EXPECT_EQ(startable_threads(1), 1);
  EXPECT_EQ(startable_threads(4), 4);
#ifdef GPTKIT_SANITIZED
  GTEST_SKIP() << "the address sanitizer needs more addresses than the limit below";
#endif
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit{rlim_t{1} << 30, rlim_t{1} << 30};
    setrlimit(RLIMIT_AS, &limit);
    const int possible = startable_threads(4'000);
    ::_exit(possible >= 1 && possible < 4'000 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace gptkit
