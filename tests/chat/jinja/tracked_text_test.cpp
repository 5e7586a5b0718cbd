#include "chat/jinja/tracked_text.h"

#include "support/support.h"

namespace gptkit {
namespace {

using testing::ElementsAre;

TEST(TrackedText, MarksFollowTheirBytes) {
  TrackedText text("ab");
  text.append("CD", /*written=*/true);
  text.append("EF", /*written=*/true);
  text.append("gh", /*written=*/false);
  EXPECT_THAT(text.written(), ElementsAre(ByteRange{2, 6}));
  EXPECT_THAT(text.slice(3, 7).written(), ElementsAre(ByteRange{0, 3}));
  EXPECT_TRUE(text.slice(6, 8).written().empty());

  TrackedText twice = text;
  twice.append(text);
  EXPECT_EQ(twice.text(), "abCDEFghabCDEFgh");
  EXPECT_THAT(twice.written(), ElementsAre(ByteRange{2, 6}, ByteRange{10, 14}));
  EXPECT_TRUE(twice.overlaps_written(0, 3));
  EXPECT_FALSE(twice.overlaps_written(6, 10));
  twice.truncate(12);
  EXPECT_THAT(twice.written(), ElementsAre(ByteRange{2, 6}, ByteRange{10, 12}));
}

}  // namespace
}  // namespace gptkit
