#include "data/tables/table_reader.h"

#include <unistd.h>

#include <array>

#include "data/data_support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// "label|text" of each row, "! problem" in place of one that cannot be read.
std::vector<std::string> entries(TableReader& reader) {
  std::vector<std::string> all;
  while (const auto entry = reader.next()) {
    all.push_back(entry->problem.empty() ? entry->row.label + "|" + entry->row.text
                                         : "! " + entry->problem);
  }
  return all;
}

class TableReading : public testing::Test {
 protected:
  std::vector<std::string> read(const std::string& name, std::string_view content,
                                const TableReaderOptions& options = {}) {
    test::write(folder_ / name, content);
    TableReader reader(folder_ / name, options);
    return entries(reader);
  }
  ScratchFolder folder_;
};

TEST_F(TableReading, EveryFormatGivesItsRowsInOrder) {
  const TableReaderOptions texts{.labelled = false};
  EXPECT_THAT(read("a.tsv", "ham\tHi, you\nspam\tWin\n"), ElementsAre("ham|Hi, you", "spam|Win"));
  EXPECT_THAT(read("a.csv", "Label,Text\nham,\"a\nb, \"\"c\"\"\"\n"),
              ElementsAre("ham|a\nb, \"c\""));
  EXPECT_THAT(read("a.jsonl", "{\"text\":\"x\",\"label\":1}\n\n{\"text\":\"y\",\"label\":\"z\"}"),
              ElementsAre("1|x", "z|y"));
  EXPECT_THAT(read("a.json", R"([{"text":"x"},{"text":2}])", texts), ElementsAre("|x", "|2"));
  EXPECT_THAT(read("a.txt", "\xEF\xBB\xBFone\r\n\n two", texts), ElementsAre("|one", "|", "| two"));
}

TEST_F(TableReading, LabelsWithBlanksAndUnicodeArePlainText) {
  EXPECT_THAT(read("a.tsv", "nicht dringend\tÜber uns\n緊急 😀\t火\n"),
              ElementsAre("nicht dringend|Über uns", "緊急 😀|火"));
}

TEST_F(TableReading, ATableWithoutLabelsIsFineWhenNoneAreWanted) {
  const TableReaderOptions texts{.labelled = false};
  EXPECT_THAT(read("a.csv", "\"one, two\"\nthree\n", texts), ElementsAre("|one, two", "|three"));
  EXPECT_THAT(read("a.csv", "id,text\n1,x\n", texts), ElementsAre("|x"));
  EXPECT_THAT(
      read("a.csv", "id,body\n1,x\n", {.columns = {.text_column = "body"}, .labelled = false}),
      ElementsAre("|x"));
  EXPECT_THAT(read("a.tsv", "ham\tx\n", texts), ElementsAre("|x"));
}

TEST_F(TableReading, ARowMayHaveTwoTexts) {
  TableReaderOptions pairs;
  pairs.columns.text_column = "question";
  pairs.columns.pair_column = "answer";
  EXPECT_THAT(read("a.csv", "label,answer,question\nyes,It is.,Is it?\nno,,Why?\n", pairs),
              ElementsAre("yes|Is it?\nIt is.", "no|Why?\n"));
  EXPECT_THAT(read("a.jsonl", R"({"label":"yes","question":"Is it?","answer":"It is."}
{"label":"no","question":"Why?"})",
                   pairs),
              ElementsAre("yes|Is it?\nIt is.", HasSubstr("answer")));
  pairs.columns.text_column = "1";
  pairs.columns.pair_column = "2";
  EXPECT_THAT(read("a.tsv", "yes\tIs it?\tIt is.\nno\tWhy?\n", pairs),
              ElementsAre("yes|Is it?\nIt is.", HasSubstr("expected at least 3")));
  pairs.columns.pair_column = "1";
  expect_error([&] { read("a.tsv", "yes\tIs it?\tIt is.\n", pairs); }, "both column 1");
  pairs.columns.pair_column = "0";
  expect_error([&] { read("a.tsv", "yes\tIs it?\tIt is.\n", pairs); },
               "the label and the pair are both column 0");
}

TEST_F(TableReading, ABadRowIsToldByItsNumberAndTheOthersAreRead) {
  const auto path = (folder_ / "").string();
  EXPECT_THAT(
      read("a.tsv", "ham\ta\nspam\nham\tb\tc\nham\td\n"),
      ElementsAre("ham|a",
                  "! " + path +
                      "a.tsv:2: row 1: 1 column(s), expected at least 2 (label "
                      "in column 0, text in column 1); columns are separated by tabs",
                  HasSubstr("a.tsv:3: row 2: 3 columns where the first row has 2"), "ham|d"));
  EXPECT_THAT(read("a.tsv", std::string_view("a\tx\0y\nb\t\xff\nc\tz\n", 14)),
              ElementsAre(HasSubstr("a.tsv:1: row 0: byte 1 of the text is NUL"),
                          HasSubstr("a.tsv:2: row 1: byte 0 of the text is not UTF-8"), "c|z"));
  EXPECT_THAT(read("a.jsonl", "{\"text\": 1}\n{\"label\": 1}\n[]\n{\n{\"text\": []}\n",
                   {.labelled = false}),
              ElementsAre("|1", HasSubstr("a.jsonl:2: row 1: no key 'text'"),
                          HasSubstr(":3: row 2: no JSON object"), HasSubstr(":4: row 3: JSON"),
                          HasSubstr("'text' is not a string, number or boolean")));
  EXPECT_THAT(read("a.json", R"([{"text": "x"}, 5, {"text": "y"}])", {.labelled = false}),
              ElementsAre("|x", HasSubstr("a.json: row 1: no JSON object"), "|y"));
}

TEST_F(TableReading, AQuoteThatNeverClosesCostsItsOwnLineAlone) {
  EXPECT_THAT(read("a.tsv", "ham\ta\nham\t\"b\nspam\tc\n"),
              ElementsAre("ham|a", HasSubstr("a.tsv:2: row 1: the double quote"), "spam|c"));
  EXPECT_THAT(
      read("a.csv", "ham,\"a\nb\",\"c\nspam,d,e\n"),
      ElementsAre(HasSubstr("a.csv:1: row 0: the double quote that opens a field in line 2"),
                  "spam|d"));
  // Behind a long file the quote is given up after max_row_bytes: the rest is not kept in memory.
  std::string rows = "ham\t\"b\n";
  for (int i = 0; i < 20'000; ++i) rows += "ham\tx\n";
  const auto all = read("a.tsv", rows, {.max_row_bytes = 1000});
  ASSERT_EQ(all.size(), 20'001u);
  EXPECT_THAT(all.front(), HasSubstr("a.tsv:1: row 0: the double quote"));
  EXPECT_EQ(all[1], "ham|x");
}

TEST_F(TableReading, ALineThatIsTooLongIsPassedOver) {
  const std::string line(300'000, 'x');
  const TableReaderOptions options{.labelled = false, .max_row_bytes = 1000};
  EXPECT_THAT(
      read("a.txt", "a\n" + line + "\nb\n", options),
      ElementsAre("|a", HasSubstr("a.txt:2: row 1: the line is longer than 1000 bytes"), "|b"));
  EXPECT_THAT(
      read("a.tsv", "l\ta\nl\t" + line + "\nl\tb\n", options),
      ElementsAre("|a", HasSubstr("a.tsv:2: row 1: the row is longer than 1000 bytes"), "|b"));
  EXPECT_THAT(read("a.jsonl", "{\"text\":\"" + line + "\"}\n{\"text\":\"b\"}", options),
              ElementsAre(HasSubstr("a.jsonl:1: row 0: the line is longer"), "|b"));
}

TEST_F(TableReading, RowsMayBeginAnywhereInABlock) {
  // Rows of growing length put every kind of character on the border between two reads.
  std::string content;
  std::vector<std::string> want;
  for (std::size_t i = 0; content.size() < 400'000; ++i) {
    const std::string text(i % 977, 'x');
    content += "l,\"" + text + "\"\"\né\"\r\n";
    want.push_back("l|" + text + "\"\né");
  }
  EXPECT_EQ(read("a.csv", content), want);
}

TEST_F(TableReading, WhatMakesTheWholeTableUnreadableIsAnError) {
  const auto refuse = [&](const std::string& name, std::string_view content,
                          const TableReaderOptions& options, const std::string& part) {
    expect_error([&] { read(name, content, options); }, part);
  };
  refuse("a.csv", "id,body\n1,x\n", {.columns = {.text_column = "text"}, .labelled = false},
         "no column 'text'; the header row has 'id', 'body'");
  refuse("a.json", "{}", {}, "expected a JSON array");
  refuse("a.txt", std::string_view("\xFF\xFE\0\0a\0\0\0", 8), {}, "this is UTF-32");
  expect_error([&] { TableReader(folder_ / "absent.tsv", {}); }, "absent.tsv");
  expect_error([&] { TableReader(folder_.path(), {}); }, "folder");
}

TEST_F(TableReading, AFirstRowWithALabelOfItsOwnIsAHeader) {
  std::string rows = "Category,Message\n";
  for (const char* label : {"ham", "spam", "ham", "spam", "ham", "ham"}) {
    rows += std::string(label) + ",a text\n";
  }
  const TableReaderOptions texts{.labelled = false};
  testing::internal::CaptureStderr();
  EXPECT_EQ(read("a.csv", rows).size(), 6U);
  EXPECT_EQ(read("a.csv", rows, texts).size(), 6U) << "the same rows without labels";
  const auto said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("a.csv: 'Category', the label of the first row, is that of no other; "
                              "the row is taken for a header"));
  EXPECT_EQ(said.find("warning"), said.rfind("warning")) << "said once";
  EXPECT_EQ(read("a.csv", rows, {.columns = {.header = TableHeader::kNone}}).front(),
            "Category|Message");
  EXPECT_EQ(read("a.csv", rows + "Category,x\n").size(), 8U);
  EXPECT_EQ(read("a.csv", "Category,Message\nham,x\nspam,y\n").size(), 3U) << "too few to tell";
  testing::internal::CaptureStderr();
  EXPECT_EQ(read("b.csv", "Category,Message\nham,x\nham,y\nspam,z\n").size(), 4U);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("the row is taken for data"));
  EXPECT_EQ(read("c.csv", "stars,review\n4,x\n2,y\n5,z\n").size(), 3U) << "no number among some";
  EXPECT_EQ(read("d.csv", "bird," + std::string(200, 'x') + "\n" + rows.substr(17)).size(), 7U)
      << "a text too long for a name";
}

TEST_F(TableReading, OtherEncodingsGiveTheSameRows) {
  const std::vector<std::string> want = {"spam|Win £5", "ham|Hi"};
  EXPECT_EQ(read("a.csv",
                 "spam,Win \xA3"
                 "5\nham,Hi\n"),
            want);
  EXPECT_EQ(read("a.csv",
                 "\xEF\xBB\xBFspam,Win \xC2\xA3"
                 "5\nham,Hi\n"),
            want);
  std::string little = "\xFF\xFE", big = "\xFE\xFF";
  for (const char c : std::string("spam,Win \xA3"
                                  "5\nham,Hi\n")) {
    little += {c, '\0'};
    big += {'\0', c};
  }
  EXPECT_EQ(read("a.csv", little), want);
  EXPECT_EQ(read("a.csv", big), want);
  EXPECT_THAT(read("A.TSV", "spam\tx\nham\ty\n"), ElementsAre("spam|x", "ham|y"));
}

TEST_F(TableReading, APipeIsJudgedByWhatHasCome) {
  const auto through_pipe = [](const std::string& content, TableFormat format) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    EXPECT_EQ(::write(ends[1], content.data(), content.size()), std::ssize(content));
    ::close(ends[1]);
    TableReader reader(ends[0], "standard input", {.labelled = false, .format = format});
    auto all = entries(reader);
    ::close(ends[0]);
    return all;
  };
  std::string rows = "Category,Message\n";
  for (int i = 0; i < 80; ++i) rows += i % 2 == 0 ? "ham,\xA3\n" : "spam,y\n";
  const auto all = through_pipe(rows, TableFormat::kCsv);
  ASSERT_EQ(all.size(), 80U);
  EXPECT_EQ(all[0], "|£");
  EXPECT_EQ(all[79], "|y");
  EXPECT_THAT(through_pipe("caf\xC3\xA9\na\n", TableFormat::kLines), ElementsAre("|café", "|a"));
  EXPECT_THAT(through_pipe(std::string("\xFF\xFE"
                                       "a\0\n\0",
                                       6),
                           TableFormat::kLines),
              ElementsAre("|a"));
}

TEST_F(TableReading, AFieldOverSeveralLinesIsSaidWithItsRow) {
  testing::internal::CaptureStderr();
  EXPECT_EQ(read("a.tsv", "ham\tx\nham\t\"y\nspam\tz\"\nspam\tz\n").size(), 3U);
  EXPECT_THAT(
      testing::internal::GetCapturedStderr(),
      HasSubstr("a.tsv: 1 row(s) have a field between double quotes that spans more than one "
                "line: row 1."));
}

TEST_F(TableReading, OtherSeparatorsAndNamesThatRepeatAreSaid) {
  testing::internal::CaptureStderr();
  EXPECT_THAT(read("a.csv", "ham;x\nspam;y\n", {.labelled = false}),
              ElementsAre("|ham;x", "|spam;y"));
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("a.csv: the first row has one column, with a ';' in it"));
  expect_error(
      [&] { read("a.csv", "body,label,body\nx,1,y\n", {.columns = {.text_column = "body"}}); },
      "more than one column is called 'body'");
}

TEST_F(TableReading, JsonIsReadInEveryShape) {
  const TableReaderOptions texts{.labelled = false};
  for (const char* name : {"a.json", "a.jsonl"}) {
    EXPECT_THAT(read(name, "[{\"text\":\"x\"},\n{\"text\":\"y\"}]", texts),
                ElementsAre("|x", "|y"));
    EXPECT_THAT(read(name, "{\"text\":\"x\"}\n{\"text\":\"y\"}", texts), ElementsAre("|x", "|y"));
  }
  EXPECT_THAT(read("a.json", R"({"rows": [{"text": "x"}], "n": 1})", texts), ElementsAre("|x"));
  EXPECT_THAT(read("a.json", R"([{"text": "\udc00"}, {"text": "y"}])", texts),
              ElementsAre(HasSubstr("a.json: row 0: half of a UTF-16 pair"), "|y"));
}

TEST_F(TableReading, AnEmptyInputHasNoRows) {
  for (const char* name : {"a.txt", "a.tsv", "a.csv", "a.jsonl"}) {
    EXPECT_THAT(read(name, ""), IsEmpty()) << name;
  }
  EXPECT_THAT(read("a.csv", "text,label\n"), IsEmpty());
}

TEST_F(TableReading, RowsOfAPipeAreReadAsTheyCome) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  TableReader reader(ends[0], "standard input", {.labelled = false});
  EXPECT_FALSE(reader.row_is_ready());
  ASSERT_EQ(::write(ends[1], "one\ntwo\nth", 10), 10);
  EXPECT_TRUE(reader.row_is_ready());
  EXPECT_EQ(reader.next()->row.text, "one");
  EXPECT_TRUE(reader.row_is_ready());
  EXPECT_EQ(reader.next()->row.text, "two");
  EXPECT_FALSE(reader.row_is_ready());
  ASSERT_EQ(::write(ends[1], "ree\n", 4), 4);
  ::close(ends[1]);
  EXPECT_EQ(reader.next()->row.text, "three");
  EXPECT_FALSE(reader.next().has_value());
  ::close(ends[0]);
}

TEST(TableReader, ReadsTheSameRowsOfTheRealMessagesAsTheWholeReader) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  const TableColumns columns{.quotes = false};
  const auto want = read_labelled_table(data / "SMSSpamCollection.tsv", columns);
  TableReader reader(data / "SMSSpamCollection.tsv", {.columns = columns});
  for (const auto& row : want) {
    const auto entry = reader.next();
    ASSERT_TRUE(entry && entry->problem.empty());
    ASSERT_EQ(entry->row.text, row.text);
    ASSERT_EQ(entry->row.label, row.label);
  }
  EXPECT_FALSE(reader.next().has_value());
  EXPECT_EQ(want.size(), 5574u);
}

}  // namespace
}  // namespace gptkit
