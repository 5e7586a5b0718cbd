// Laws of the data layer: shards give the tokens that were written, and an epoch every row once.

#include <algorithm>
#include <numeric>

#include "data/corpus/token_shard.h"
#include "data/loader.h"
#include "data/windows.h"
#include "support/laws.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::ScratchFolder;

/// Example i is the number i and takes i % 7 positions.
class Numbers : public Dataset {
 public:
  explicit Numbers(std::int64_t size) : size_(size) {}
  std::int64_t size() const override { return size_; }
  std::int64_t padded_length(std::int64_t example) const override { return example % 7; }
  Batch collate(std::span<const std::int64_t> indices) const override {
    return {.rows = std::ssize(indices), .columns = 1, .inputs = {indices.begin(), indices.end()}};
  }

 private:
  std::int64_t size_;
};

std::vector<std::int64_t> numbers_to(std::int64_t size) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(size));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

/// What one rank sees in an epoch, in its order.
std::vector<std::int64_t> epoch_of(std::int64_t size, const LoaderOptions& options,
                                   std::uint64_t seed) {
  Loader loader(std::make_shared<Numbers>(size), options);
  loader.start_epoch(seed);
  std::vector<std::int64_t> seen;
  while (const auto batch = loader.next()) {
    seen.insert(seen.end(), batch->inputs.begin(), batch->inputs.end());
  }
  return seen;
}

LoaderOptions some_options() {
  return {.batch_size = *rc::gen::inRange<std::int64_t>(1, 12),
          .shuffle = *rc::gen::arbitrary<bool>(),
          .group_by_length = *rc::gen::arbitrary<bool>()};
}

RC_GTEST_PROP(DataLaws, AnEpochHasEveryRowOnce, ()) {
  const auto size = *rc::gen::inRange<std::int64_t>(1, 300);
  auto seen = epoch_of(size, some_options(), *rc::gen::arbitrary<std::uint64_t>());
  std::sort(seen.begin(), seen.end());
  RC_ASSERT(seen == numbers_to(size));
}

RC_GTEST_PROP(DataLaws, RanksShareAnEpochWithoutOverlap, ()) {
  const auto size = *rc::gen::inRange<std::int64_t>(60, 300);
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  auto options = some_options();
  options.ranks = *rc::gen::inRange<std::int64_t>(2, 5);
  std::vector<std::int64_t> seen;
  std::size_t of_first = 0;
  for (options.rank = 0; options.rank < options.ranks; ++options.rank) {
    const auto part = epoch_of(size, options, seed);
    if (options.rank == 0) of_first = part.size();
    const auto difference =
        of_first > part.size() ? of_first - part.size() : part.size() - of_first;
    RC_ASSERT(difference < static_cast<std::size_t>(options.batch_size));
    seen.insert(seen.end(), part.begin(), part.end());
  }
  std::sort(seen.begin(), seen.end());
  RC_ASSERT(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
}

RC_GTEST_PROP(DataLaws, ALoaderThatIsRestoredGoesOnTheSame, ()) {
  const auto size = *rc::gen::inRange<std::int64_t>(1, 100);
  const auto data = std::make_shared<Numbers>(size);
  const auto options = some_options();
  Loader loader(data, options);
  loader.start_epoch(*rc::gen::arbitrary<std::uint64_t>());
  for (auto n = *rc::gen::inRange<std::int64_t>(0, loader.batches() + 1); n > 0; --n) loader.next();
  Loader restored(data, options);
  restored.restore(loader.state());
  while (true) {
    const auto want = loader.next(), got = restored.next();
    RC_ASSERT(want.has_value() == got.has_value());
    if (!want) break;
    RC_ASSERT(want->inputs == got->inputs);
  }
}

RC_GTEST_PROP(DataLaws, ShardsGiveTheTokensThatWereWritten, ()) {
  const auto vocab_size = *rc::gen::element<std::int64_t>(300, 65'536, 65'537, 1'000'000);
  const auto tokens = *rc::gen::nonEmpty(rc::gen::container<std::vector<TokenId>>(
      rc::gen::inRange<TokenId>(0, static_cast<TokenId>(vocab_size))));
  const ScratchFolder folder;
  ShardWriter writer({.folder = folder.path(),
                      .prefix = "train",
                      .vocab_size = vocab_size,
                      .tokenizer_sha256 = "",
                      .max_tokens = *rc::gen::inRange<std::int64_t>(20, 60)});
  const auto cut = *rc::gen::inRange<std::size_t>(0, tokens.size() + 1);
  writer.write(std::span(tokens).first(cut));
  writer.write(std::span(tokens).subspan(cut));
  writer.finish();

  std::vector<fs::path> shards;
  for (const auto& name : writer.names()) shards.push_back(folder / name);
  const auto stream = TokenStream::open(shards, vocab_size);
  RC_ASSERT(stream.size() == std::ssize(tokens));
  std::vector<std::int64_t> read(tokens.size());
  stream.copy(0, read);
  RC_ASSERT(std::equal(read.begin(), read.end(), tokens.begin(), tokens.end()));
}

RC_GTEST_PROP(DataLaws, WindowsAreTheTokensAtTheirStride, ()) {
  const auto tokens = *rc::gen::inRange<std::int64_t>(2, 200);
  const WindowOptions options = {.length = *rc::gen::inRange<std::int64_t>(1, tokens),
                                 .stride = *rc::gen::inRange<std::int64_t>(1, 20)};
  std::vector<TokenId> ids(static_cast<std::size_t>(tokens));
  std::iota(ids.begin(), ids.end(), 0);
  const WindowDataset windows(TokenStream(ids), options, "law");
  RC_ASSERT(windows.size() == window_count(tokens, options));
  const auto index = *rc::gen::inRange<std::int64_t>(0, windows.size());
  const auto batch = windows.collate(std::vector<std::int64_t>{index});
  for (std::int64_t t = 0; t < options.length; ++t) {
    const auto at = static_cast<std::size_t>(t);
    RC_ASSERT(batch.inputs[at] == index * options.stride + t);
    RC_ASSERT(batch.targets[at] == batch.inputs[at] + 1);
  }
}

}  // namespace
}  // namespace gptkit
