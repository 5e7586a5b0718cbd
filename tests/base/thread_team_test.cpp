#include "base/thread_team.h"

#include <atomic>
#include <numeric>
#include <thread>
#include <vector>

#include "support/support.h"

namespace gptkit {
namespace {

TEST(WorkShare, PartsCoverTheWorkInOrderAndDifferByOne) {
  for (const int64_t count : {0, 1, 2, 7, 100}) {
    for (const int parts : {1, 2, 3, 16}) {
      int64_t end = 0;
      for (int i = 0; i < parts; ++i) {
        const auto share = share_of(count, i, parts);
        EXPECT_EQ(share.begin, end);
        EXPECT_GE(share.end - share.begin, count / parts);
        EXPECT_LE(share.end - share.begin, (count + parts - 1) / parts);
        end = share.end;
      }
      EXPECT_EQ(end, count);
    }
  }
}

TEST(ThreadTeam, HasAtLeastItsCaller) {
  for (const int threads : {-3, 0, 1}) {
    ThreadTeam team(threads);
    EXPECT_EQ(team.size(), 1);
    int calls = 0;
    team.run([&](int member) {
      EXPECT_EQ(member, 0);
      team.barrier();  // nobody to wait for
      ++calls;
    });
    EXPECT_EQ(calls, 1);
  }
}

TEST(ThreadTeam, CallsEveryMemberOnceARound) {
  ThreadTeam team(3);
  ASSERT_EQ(team.size(), 3);
  std::vector<int> calls(3);  // each member writes its own
  std::vector<std::thread::id> threads(3);
  for (int round = 1; round <= 50; ++round) {
    team.run([&](int member) {
      ++calls[static_cast<size_t>(member)];
      threads[static_cast<size_t>(member)] = std::this_thread::get_id();
    });
    ASSERT_THAT(calls, testing::Each(round));
  }
  EXPECT_EQ(threads[0], std::this_thread::get_id());
  EXPECT_NE(threads[1], threads[0]);
  EXPECT_NE(threads[1], threads[2]);
}

TEST(ThreadTeam, WhatWasWrittenBeforeABarrierIsSeenBehindIt) {
  ThreadTeam team(3);
  std::vector<int64_t> values(3);  // plain memory
  std::atomic<int> wrong{0};
  for (int round = 0; round < 2; ++round) {
    team.run([&](int member) {
      for (int64_t i = 0; i < 10; ++i) {
        values[static_cast<size_t>(member)] = i + member;
        team.barrier();
        const auto sum = std::accumulate(values.begin(), values.end(), int64_t{0});
        if (sum != 3 * i + 0 + 1 + 2) ++wrong;
        team.barrier();  // nobody writes before all have read
      }
    });
  }
  EXPECT_EQ(wrong, 0);
}

TEST(ThreadTeam, SleepsAndWakesBetweenRounds) {
  ThreadTeam team(2);
  std::atomic<int> calls{0};
  for (int round = 0; round < 3; ++round) {
    // Longer than the members spin.
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(30);
    while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
    team.run([&](int) { ++calls; });
  }
  EXPECT_EQ(calls, 6);
}

TEST(ThreadTeam, ManyTeamsComeAndGo) {
  std::atomic<int> calls{0};
  for (int i = 0; i < 40; ++i) {
    ThreadTeam team(3);
    if (i % 2) team.run([&](int) { ++calls; });
  }
  EXPECT_EQ(calls, 60);
}

}  // namespace
}  // namespace gptkit
