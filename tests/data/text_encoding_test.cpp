#include "data/text_encoding.h"

#include "data/data_support.h"

namespace gptkit {
namespace {

using namespace std::string_view_literals;
using test::expect_error;
using testing::HasSubstr;

/// The encoding and the text, told and decoded in pieces of so many bytes.
std::pair<TextEncoding, std::string> decoded(std::string_view bytes, std::size_t piece) {
  EncodingDetector detector;
  for (std::size_t at = 0; at < bytes.size(); at += piece) detector.add(bytes.substr(at, piece));
  TextDecoder decoder(detector.encoding());
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    decoder.append(bytes.substr(at, piece), text);
  }
  decoder.finish(text);
  return {detector.encoding(), text};
}

TEST(TextEncoding, IsToldAndDecodedInPiecesOfAnySize) {
  const auto expect = [](std::string_view bytes, TextEncoding encoding, std::string_view text) {
    for (std::size_t piece = 1; piece <= bytes.size() + 1; ++piece) {
      const auto [found, got] = decoded(bytes, piece);
      EXPECT_EQ(found, encoding) << text;
      EXPECT_EQ(got, text);
    }
  };
  expect("", TextEncoding::kUtf8, "");
  expect("a", TextEncoding::kUtf8, "a");
  expect("plain text\n", TextEncoding::kUtf8, "plain text\n");
  expect(
      "\xEF\xBB\xBF"
      "caf\xC3\xA9",
      TextEncoding::kUtf8, "café");
  expect("\xEF\xBB", TextEncoding::kWindows1252, "ï»");
  expect("caf\xE9 5 \xA3, \x80 \x93hi\x94", TextEncoding::kWindows1252, "café 5 £, € “hi”");
  expect("caf\xE9", TextEncoding::kWindows1252, "café");
  expect("\xFF\xFEh\0\xE9\0\x3D\xD8\0\xDE"sv, TextEncoding::kUtf16LittleEndian, "hé😀");
  expect("\xFE\xFF\0h\xD8\x3D\0i\xDE\0\xD8"sv, TextEncoding::kUtf16BigEndian,
         "h\xEF\xBF\xBDi\xEF\xBF\xBD\xEF\xBF\xBD");
}

TEST(TextEncoding, DamagedUtf8IsNotTakenForLatin1) {
  EXPECT_EQ(decoded("é, ü and \xE9", 99).first, TextEncoding::kUtf8);
  EXPECT_EQ(decoded("a\xE9\0"sv, 99).first, TextEncoding::kUtf8);
  EXPECT_EQ(decoded("\x81\x40\x81\x41", 99).first, TextEncoding::kUtf8) << "0x81 is undefined";
}

TEST(TextEncoding, IsSaidOnceForEachName) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(decode_text("5 \xA3", "prices.csv"), "5 £");
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("prices.csv: not UTF-8; it is read as Windows-1252"));
  testing::internal::CaptureStderr();
  EXPECT_EQ(decode_text("6 \xA3", "prices.csv"), "6 £");
  EXPECT_EQ(decode_text("\xEF\xBB\xBF", "a mark.txt"), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  expect_error([] { decode_text("\xFF\xFE\0\0a\0\0\0"sv, "wide.txt"); },
               "wide.txt: this is UTF-32");
}

}  // namespace
}  // namespace gptkit
