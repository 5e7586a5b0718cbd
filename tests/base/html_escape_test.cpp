#include "base/html_escape.h"

#include "base/utf8.h"
#include "support/support.h"

namespace gptkit {
namespace {

TEST(HtmlEscape, EscapesWhateverHtmlReads) {
  EXPECT_EQ(html_escape("<script>'&\"</script>"), "&lt;script&gt;&#39;&amp;&quot;&lt;/script&gt;");
  EXPECT_EQ(html_escape(std::string("a\0b\x1F", 4)), "a\uFFFDb\uFFFD");
  EXPECT_EQ(html_escape("\xC0\xAFscript"), "\uFFFD\uFFFDscript");
  EXPECT_TRUE(is_valid_utf8(html_escape("\xF0\x9F\x98")));
}

}  // namespace
}  // namespace gptkit
