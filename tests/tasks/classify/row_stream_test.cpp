#include "tasks/classify/row_stream.h"

#include "base/files.h"
#include "support/support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;

class Rows : public testing::Test {
 protected:
  RowStream open(const std::string& content, const RowStreamOptions& options) {
    write_file_atomic(folder_ / "rows.tsv", content);
    return RowStream(TableReader(folder_ / "rows.tsv", {}), options);
  }
  ScratchFolder folder_;
};

TEST_F(Rows, ComeInChunksAndInOrder) {
  auto stream = open("a\t1\na\t2\na\t3\n", {.chunk_rows = 2});
  EXPECT_EQ(stream.next().size(), 2u);
  EXPECT_EQ(stream.next().front().text, "3");
  EXPECT_TRUE(stream.next().empty());
  stream.finish();
  EXPECT_EQ(stream.skipped(), 0);
}

TEST_F(Rows, ThatCannotBeReadAreSkippedAndCounted) {
  auto stream = open("a\t1\nlonely\na\t3\n", {});
  EXPECT_EQ(stream.next().size(), 2u);
  EXPECT_TRUE(stream.next().empty());
  stream.finish();
  EXPECT_EQ(stream.skipped(), 1);
}

TEST_F(Rows, ThatCannotBeReadEndAStrictReadingAfterTheRowsBefore) {
  auto stream = open("a\t1\nlonely\na\t3\n", {.strict = true});
  EXPECT_EQ(stream.next().size(), 1u);
  expect_error([&] { stream.next(); }, "rows.tsv:2");
}

TEST_F(Rows, OfATableWithoutAnyThatCanBeReadAreAnError) {
  auto stream = open("a\t1\n", {});
  const auto rows = stream.next();
  stream.skip(stream.place(rows.front()) + ": not wanted");
  expect_error([&] { stream.finish(); }, "none of its 1 row");
}

}  // namespace
}  // namespace gptkit
