#include "text/normalization.h"

#include "base/files.h"
#include "text/text_support.h"

namespace gptkit {
namespace {

using namespace test;

TEST(Normalization, FormsAreThoseOfTheUnicodeReport) {
  EXPECT_EQ(normal_form("cafe\u0301 nai\u0308ve", NormalForm::kNfc), "caf\u00e9 na\u00efve");
  EXPECT_EQ(normal_form("caf\u00e9", NormalForm::kNfd), "cafe\u0301");
  EXPECT_EQ(normal_form("\u1100\u1161\u11a8", NormalForm::kNfc), "\uac01");
  EXPECT_EQ(normal_form("\uac01", NormalForm::kNfd), "\u1100\u1161\u11a8");
  EXPECT_EQ(normal_form("q\u0307\u0323", NormalForm::kNfc), "q\u0323\u0307");
  EXPECT_EQ(normal_form("\u212b", NormalForm::kNfc), "\u00c5");
  EXPECT_EQ(normal_form("\u0958", NormalForm::kNfc), "\u0915\u093c") << "never put together";
  EXPECT_EQ(normal_form("\ufb01\u2460", NormalForm::kNfc), "\ufb01\u2460");
  EXPECT_EQ(normal_form("\ufb01\u2460", NormalForm::kNfkc), "fi1");
}

TEST(Normalization, BytesThatAreNoCharacterStay) {
  for (const std::string text : {"\xff\xfe", "e\xcc", "\xcc\x81\xed\xa0\x80", "plain", ""}) {
    EXPECT_EQ(normal_form(text, NormalForm::kNfc), text);
  }
  EXPECT_EQ(normal_form("e\xff\u0301", NormalForm::kNfc), "e\xff\u0301");
}

/// The digests are printed by tests/golden/make_normalization_golden.py.
TEST(Normalization, EveryCharacterIsAsInTokenizers) {
  std::string text;
  const auto add = [&](char32_t code) {
    std::string c;
    append_utf8(c, code);
    if (!text.empty()) text += '\n';
    text += c + " a" + c + "\u0334 e\u0323" + c + "\u0301 " + c + "\u1161\u11a8 \u1100" + c;
  };
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (code < 0xD800 || code >= 0xE000) add(code);
  }
  const auto digest = [&](NormalForm form) { return sha256_hex(normal_form(text, form)); };
  EXPECT_EQ(digest(NormalForm::kNfc),
            "d9b15909aeb66888ad0bf6d6e568ad6d007afb408d36a3c4d7887aba324bd1cc");
  EXPECT_EQ(digest(NormalForm::kNfd),
            "7ce3cd0f292f6baba556a23996cfd5119517bb3d9c86b341b450027119707630");
  EXPECT_EQ(digest(NormalForm::kNfkc),
            "a61b88489f4f0bc94ad9c4c1d3fde076612814753c36f2827cd9511cbead30cf");
  EXPECT_EQ(digest(NormalForm::kNfkd),
            "c68009814a33279589e4716da60d58bd918ce4789511d78d4b33acb4cb891e54");
}

TEST(Normalization, TimeGrowsLinearlyWithMarks) {
  std::string text = "a";
  for (int i = 0; i < 200'000; ++i) text += i % 2 ? "\u0301" : "\u0323";
  EXPECT_EQ(normal_form(text, NormalForm::kNfc).size(), text.size());
}

}  // namespace
}  // namespace gptkit
