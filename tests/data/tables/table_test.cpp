#include "data/tables/table.h"

#include "data/data_support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using testing::ElementsAre;
using Fields = std::vector<std::string>;

std::vector<Fields> parse(std::string_view text, char delimiter = ',', bool quotes = true) {
  std::vector<Fields> records;
  for (auto& record : parse_delimited(text, delimiter, quotes, "t")) {
    records.push_back(std::move(record.fields));
  }
  return records;
}

// Each expectation is what pandas.read_csv(header=None) of pandas 3.1 gives.
TEST(Table, QuotesFollowPandas) {
  EXPECT_THAT(parse("a,\"b,c\"\n"), ElementsAre(Fields{"a", "b,c"}));
  EXPECT_THAT(parse("a,\"b\"\"c\"\n"), ElementsAre(Fields{"a", "b\"c"}));
  EXPECT_THAT(parse("a,b\"c\"d\n"), ElementsAre(Fields{"a", "b\"c\"d"}));
  EXPECT_THAT(parse("a,\"b\"c\"d\n"), ElementsAre(Fields{"a", "bc\"d"}));
  EXPECT_THAT(parse("a,\"two\nlines\"\nb,c\n"),
              ElementsAre(Fields{"a", "two\nlines"}, Fields{"b", "c"}));
  EXPECT_THAT(parse("a,\"\"\n"), ElementsAre(Fields{"a", ""}));
  EXPECT_THAT(parse("a\t\"b, c\"\td", '\t'), ElementsAre(Fields{"a", "b, c", "d"}));
}

TEST(Table, BlankLinesAndAllLineEndsAreFine) {
  EXPECT_THAT(parse("\n  \na,b\r\n\r\nc,d\re,f"),
              ElementsAre(Fields{"a", "b"}, Fields{"c", "d"}, Fields{"e", "f"}));
  EXPECT_THAT(parse("a,\n"), ElementsAre(Fields{"a", ""}));
  EXPECT_THAT(parse("  a,b"), ElementsAre(Fields{"  a", "b"}));
  EXPECT_THAT(parse("a,"), ElementsAre(Fields{"a", ""}));
  EXPECT_TRUE(parse("").empty());
}

TEST(Table, WithoutQuotesAQuoteIsACharacter) {
  EXPECT_THAT(parse("a,\"b\nc,d", ',', false), ElementsAre(Fields{"a", "\"b"}, Fields{"c", "d"}));
}

TEST(Table, AQuoteThatNeverClosesIsNamedByItsLine) {
  expect_error([] { parse("a,b\nc,\"d\ne,f\n"); }, "t:2: the double quote");
}

TEST(Table, RecordsKnowTheirLines) {
  const auto records = parse_delimited("a,\"1\n2\"\n\nb,c\n", ',', true, "t");
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].line, 1);
  EXPECT_EQ(records[1].line, 4);
}

std::vector<std::string> labels_and_texts(const fs::path& path, const TableColumns& options) {
  std::vector<std::string> all;
  for (const auto& row : read_labelled_table(path, options))
    all.push_back(row.label + "|" + row.text);
  return all;
}

TEST(Table, WithoutSettingsTheLabelComesFirst) {
  const ScratchFolder folder;
  test::write(folder / "a.tsv", "ham\tHello, you\nspam\tWin!\n");
  EXPECT_THAT(labels_and_texts(folder / "a.tsv", {}), ElementsAre("ham|Hello, you", "spam|Win!"));
}

TEST(Table, AHeaderOfTheUsualNamesIsSeen) {
  const ScratchFolder folder;
  test::write(folder / "a.csv", "\xEF\xBB\xBFText,Label\n\"Hello, you\",0\n");
  EXPECT_THAT(labels_and_texts(folder / "a.csv", {}), ElementsAre("0|Hello, you"));
}

TEST(Table, ColumnsAreChosenByNameOrNumber) {
  const ScratchFolder folder;
  test::write(folder / "a.csv", "id,review,sentiment\n7,Fine film,pos\n");
  EXPECT_THAT(
      labels_and_texts(folder / "a.csv", {.text_column = "review", .label_column = "sentiment"}),
      ElementsAre("pos|Fine film"));
  EXPECT_THAT(
      labels_and_texts(folder / "a.csv",
                       {.text_column = "1", .label_column = "2", .header = TableHeader::kFirstRow}),
      ElementsAre("pos|Fine film"));
  EXPECT_THAT(labels_and_texts(folder / "a.csv", {.text_column = "1", .label_column = "2"}),
              ElementsAre("sentiment|review", "pos|Fine film"));
}

TEST(Table, JsonRowsHaveKeysForColumns) {
  const ScratchFolder folder;
  test::write(folder / "a.jsonl",
              "{\"text\": \"Hi\", \"label\": 1}\n\n{\"text\": \"Ho\", \"label\": \"x\"}\n");
  EXPECT_THAT(labels_and_texts(folder / "a.jsonl", {}), ElementsAre("1|Hi", "x|Ho"));
  test::write(folder / "a.json", R"([{"t": "Hi", "l": true}])");
  EXPECT_THAT(labels_and_texts(folder / "a.json", {.text_column = "t", .label_column = "l"}),
              ElementsAre("true|Hi"));
}

TEST(Table, OfTwoColumnsTheTextIsTheOneThatIsNotTheLabel) {
  const ScratchFolder folder;
  test::write(folder / "a.csv", "message,label\nHi,ham\n");
  EXPECT_THAT(labels_and_texts(folder / "a.csv", {}), ElementsAre("ham|Hi"));
  test::write(folder / "a.csv", "Text,Category\nHi,ham\n");
  EXPECT_THAT(labels_and_texts(folder / "a.csv", {}), ElementsAre("ham|Hi"));
}

TEST(Table, HalfACharacterCostsItsRowAlone) {
  const ScratchFolder folder;
  test::write(folder / "a.jsonl",
              "{\"text\": \"\\ud83d\", \"label\": 1}\n{\"text\": \"y\", \"label\": 2}\n");
  EXPECT_THAT(labels_and_texts(folder / "a.jsonl", {}), ElementsAre("2|y"));
}

TEST(Table, RefusesWhatItCannotRead) {
  const ScratchFolder folder;
  const auto refuse = [&](const std::string& name, std::string_view content,
                          const TableColumns& options, const std::string& part) {
    test::write(folder / name, content);
    expect_error([&] { read_labelled_table(folder / name, options); }, part);
  };
  refuse("a.tsv", "ham\tx\nspam y\n", {}, "a.tsv:2: row 1: 1 column(s), expected at least 2");
  refuse("a.csv", "spam,\"a, b\"\nspam,a, b\n", {},
         "a.csv:2: row 1: 3 columns where the first row has 2");
  refuse("a.csv", "Text,Label\nx,y\n", {.text_column = "body", .label_column = "Label"},
         "no column 'body'; the header row has 'Text', 'Label'");
  refuse("a.csv", "x,y\n", {.text_column = "1", .label_column = "1"}, "both column 1");
  refuse("a.csv", "x,y\n", {.text_column = "body", .header = TableHeader::kNone},
         "without a header row");
  refuse("a.csv", "", {}, "no rows");
  refuse("a.csv", "Text,Label\n", {}, "no rows");
  refuse("a.tsv", std::string_view("ham\tx\0y\n", 8), {},
         "a.tsv:1: row 0: byte 1 of the text is NUL");
  refuse("a.jsonl", "{\"text\": \"x\", \"label\": 1}\n{\"text\": \"y\"}\n", {},
         "a.jsonl:2: row 1: no key 'label'; the row has 'text'");
  refuse("a.jsonl", "[1]\n", {}, "a.jsonl: row 0: no JSON object");
  refuse("a.json", "{}", {}, "expected a JSON array");
  refuse("a.tsv", "a\tcaf\xC3\xA9\nb\tcaf\xE9\n", {},
         "a.tsv:2: row 1: byte 3 of the text is not UTF-8");
  refuse("a.json", R"([{"text": "x", "label": 1}, {"text": [], "label": 1}])", {}, "row 1");
  expect_error([&] { read_labelled_table(folder / "absent.tsv", {}); }, "absent.tsv");
}

}  // namespace
}  // namespace gptkit
