#include "data/corpus/documents.h"

#include <algorithm>

#include "data/data_support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using testing::ElementsAre;

std::vector<std::string> texts(const std::vector<fs::path>& inputs) {
  std::vector<std::string> all;
  for_each_document(expand_inputs(inputs),
                    [&](const Document& document) { all.emplace_back(document.text); });
  return all;
}

TEST(Documents, AFolderGivesItsTextFilesAtAnyDepthSorted) {
  const ScratchFolder folder;
  test::write(folder / "b.txt", "second");
  test::write(folder / "a/z.txt", "first");
  test::write(folder / "c/lines.jsonl",
              "{\"text\": \"third\"}\n\n{\"text\": \"fourth\", \"n\": 1}");
  test::write(folder / "notes.md", "not a text file by its name");
  EXPECT_THAT(texts({folder.path()}), ElementsAre("first", "second", "third", "fourth"));
}

TEST(Documents, AGlobGivesWhatMatchesAndANamedFileNeedsNoExtension) {
  const ScratchFolder folder;
  test::write(folder / "part-2.txt", "two");
  test::write(folder / "part-1.txt", "one");
  test::write(folder / "README", "named");
  EXPECT_THAT(texts({folder / "README", folder / "part-*.txt"}),
              ElementsAre("named", "one", "two"));
}

TEST(Documents, AFileWhoseNameLooksLikeAGlobIsThatFile) {
  const ScratchFolder folder;
  test::write(folder / "a[1].txt", "brackets");
  test::write(folder / "a1.txt", "plain");
  EXPECT_THAT(texts({folder / "a[1].txt"}), ElementsAre("brackets"));
}

TEST(Documents, SayWhereALineOfJsonIsWrong) {
  const ScratchFolder folder;
  test::write(folder / "a.jsonl", "{\"text\": \"fine\"}\n{\"text\": 5}\n");
  expect_error([&] { texts({folder / "a.jsonl"}); }, "a.jsonl:2");
  test::write(folder / "b.jsonl", "{\"text\": \"fine\"}\n\n{\"text\": \n");
  expect_error([&] { texts({folder / "b.jsonl"}); }, "b.jsonl:3");
  test::write(folder / "c.jsonl", "{\"content\": \"other key\"}\n");
  expect_error([&] { texts({folder / "c.jsonl"}); }, "text");
}

TEST(Documents, RefuseWhatIsMissingOrEmpty) {
  const ScratchFolder folder;
  test::write(folder / "empty.txt", "");
  expect_error([&] { texts({folder / "absent.txt"}); }, "absent.txt: no such file or folder");
  expect_error([&] { texts({folder / "*.csv"}); }, "no file matches");
  expect_error([&] { texts({folder / "empty.txt"}); }, "empty.txt: holds no text");
  fs::create_directory(folder / "hollow");
  expect_error([&] { texts({folder / "hollow"}); }, "no .txt or .jsonl file");
}

TEST(Documents, RefuseBinaryFilesAndSayWhatUtf16Needs) {
  const ScratchFolder folder;
  test::write(folder / "wide.txt", std::string_view("h\0i\0", 4));
  expect_error([&] { texts({folder / "wide.txt"}); }, "byte 1 is NUL");
  expect_error([&] { texts({folder / "wide.txt"}); }, "iconv");
}

TEST(Documents, ByteOrderMarksAreLeftOutAndUtf16IsConverted) {
  const ScratchFolder folder;
  test::write(folder / "a.txt", "\xEF\xBB\xBFone");
  test::write(folder / "b.txt", std::string_view("\xFF\xFEh\0\xE9\0", 6));
  test::write(folder / "c.txt", "bytes \xE9");
  test::write(folder / "d.jsonl", "\xEF\xBB\xBF{\"text\": \"two\"}");
  test::write(folder / "e.JSONL", "{\"text\": \"caf\xE9\"}");
  EXPECT_THAT(texts({folder.path()}), ElementsAre("one", "hé", "bytes \xE9", "two", "café"));
}

TEST(Documents, HalfACharacterCostsItsLineAndOtherFilesAreCounted) {
  const ScratchFolder folder;
  test::write(folder / "a.jsonl",
              "{\"text\": \"x\"}\n{\"text\": \"\\ud83d\"}\n{\"text\": \"y\"}\n");
  test::write(folder / "b.json", "[]");
  testing::internal::CaptureStderr();
  EXPECT_THAT(texts({folder.path()}), ElementsAre("x", "y"));
  EXPECT_THAT(texts({folder.path()}), ElementsAre("x", "y"));
  const auto said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, testing::HasSubstr("a.jsonl:2: half of a UTF-16 pair"));
  EXPECT_THAT(said, testing::HasSubstr(": 1 file(s) that end neither in .txt nor in .jsonl"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 2) << "said once";
}

TEST(Documents, CharactersAreCodePoints) {
  const std::string text = "a\u00e9\u20ac\U0001F600z";
  EXPECT_EQ(count_characters(text), 5);
  EXPECT_EQ(character_offset(text, 0), 0u);
  EXPECT_EQ(character_offset(text, 2), 3u);
  EXPECT_EQ(character_offset(text, 4), 10u);
  EXPECT_EQ(character_offset(text, 5), text.size());
  EXPECT_EQ(character_offset(text, 99), text.size());
}

}  // namespace
}  // namespace gptkit
