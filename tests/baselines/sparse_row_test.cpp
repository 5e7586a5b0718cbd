#include "baselines/sparse_row.h"

#include "baselines/tfidf.h"
#include "support/support.h"

namespace gptkit {
namespace {

TEST(SparseRow, OfATextAscendsByColumnWithoutRepetition) {
  const std::vector<std::string_view> texts = {"one two three", "three two four", "five one"};
  const Tfidf tfidf(texts, {});
  const SparseRow row = tfidf.transform("four one three one two one");
  ASSERT_GT(row.size(), 3u);
  for (size_t i = 1; i < row.size(); ++i) EXPECT_LT(row[i - 1].column, row[i].column);
}

}  // namespace
}  // namespace gptkit
