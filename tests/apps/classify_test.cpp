#include <algorithm>
#include <cmath>
#include <set>
#include <sstream>

#include "tiny_run.h"

namespace gptkit::test {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const auto end = std::min(text.find('\n', begin), text.size());
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

/// The classify program with a classifier of labels that have blanks and Unicode in them, and
/// `evaluate few-shot`, with models that know nothing.
class ClassifyProgram : public TinyRun {
 protected:
  static void SetUpTestSuite() {
    TinyRun::SetUpTestSuite();
    std::string rows = "label\ttext\n";
    for (int i = 0; i < 40; ++i) {
      rows += concat(i % 2 ? "nicht dringend" : "緊急", "\tmessage ", i, "\n");
    }
    file("train.tsv", rows);
    const auto trained =
        run("finetune-classify",
            {"-q", "--threads", "1", "-m", "pre/model", "--out", "urgent", "-s",
             "data.train=train.tsv", "-s", "train.max_steps=2", "-s", "classifier.max_tokens=24"});
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
  }
  static ProgramResult classify(const Arguments& more, const ProgramInput& input = {}) {
    return run("classify", Arguments{"-q", "--threads", "1", "-m", "urgent/model"} + more, input);
  }
  static ProgramResult few_shot(const Arguments& more, const ProgramInput& input = {}) {
    return run("classify", Arguments{"-q", "--threads", "1", "-m", "pre/model"} + more, input);
  }
};

TEST_F(ClassifyProgram, LabelsWithBlanksAndUnicodeComeBackAsTheyWere) {
  const auto rows = lines_of(classify({"a", "b"}).out);
  ASSERT_EQ(rows.size(), 2u);
  for (const auto& row : rows) {
    EXPECT_TRUE(row.starts_with("緊急\t0.") || row.starts_with("nicht dringend\t0.")) << row;
  }
}

TEST_F(ClassifyProgram, ALabelOrATextNeitherBreaksAColumnNorSteersTheTerminal) {
  std::string rows;
  for (int i = 0; i < 40; ++i) {
    rows +=
        dump_json(Json{{"label", i % 2 ? "a\tb" : "\x1b[31mred"}, {"text", concat("text ", i)}}) +
        "\n";
  }
  file("odd.jsonl", rows);
  const auto trained =
      run("finetune-classify", {"-q", "--threads", "1", "-m", "pre/model", "--out", "odd", "-s",
                                "data.train=odd.jsonl", "-s", "train.max_steps=1"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const auto shown = run("classify", {"-q", "--threads", "1", "-m", "odd/model", "x\x1b[2Jy"}).out;
  EXPECT_TRUE(shown.starts_with("a\\tb\t0.") || shown.starts_with("\\x1b[31mred\t0.")) << shown;
  EXPECT_THAT(shown, testing::EndsWith("\tx\\x1b[2Jy\n"));
  const auto measured = run("classify", {"-q", "--threads", "1", "-m", "odd/model", "--input",
                                         "odd.jsonl", "--evaluate"});
  EXPECT_EQ(measured.exit_code, 0) << measured.err;
  EXPECT_THAT(measured.out + measured.err + trained.out + trained.err, Not(HasSubstr("\x1b")));
}

TEST_F(ClassifyProgram, EveryFormatGivesTheSameAnswersInOrder) {
  std::string tsv, csv = "text\n", jsonl, lines;
  for (int i = 0; i < 600; ++i) {  // several chunks
    const auto text = concat("line ", i, std::string(static_cast<size_t>(i % 30), 'x'));
    tsv += text + "\n";
    csv += "\"" + text + "\"\r\n";
    jsonl += R"({"text": ")" + text + "\"}\n";
    lines += text + "\n";
  }
  file("a.tsv", tsv);
  file("a.csv", csv);
  file("a.jsonl", jsonl);
  file("a.log", lines);
  const auto want = classify({"-i", "a.log"});
  ASSERT_EQ(want.exit_code, 0) << want.err;
  const auto rows = lines_of(want.out);
  ASSERT_EQ(rows.size(), 600u);
  EXPECT_THAT(rows[599], HasSubstr("\tline 599"));
  for (const char* name : {"a.tsv", "a.csv", "a.jsonl"}) {
    EXPECT_EQ(classify({"-i", name}).out, want.out) << name;
  }
  EXPECT_EQ(classify({}, {.stdin_text = lines}).out, want.out);
  EXPECT_EQ(classify({"--format", "csv"}, {.stdin_text = csv}).out, want.out);
}

TEST_F(ClassifyProgram, QuotesAndLineEndsInsideFieldsAreTheTexts) {
  file("q.csv", "id,body\n1,\"two\nlines, \"\"quoted\"\"\"\n2,plain\n");
  const auto rows = lines_of(classify({"-i", "q.csv", "--text-column", "body"}).out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_THAT(rows[0], testing::EndsWith("\ttwo\\nlines, \"quoted\""));
  EXPECT_THAT(rows[1], testing::EndsWith("\tplain"));
}

TEST_F(ClassifyProgram, BadRowsAreNamedCountedAndTheOthersLabelled) {
  file("bad.tsv", std::string("緊急\tone\nno tab\n緊急\ttw\0o\n緊急\tthr\xff"
                              "ee\n緊急\tfour\n",
                              55));
  const Arguments input = {"-i", "bad.tsv", "--text-column", "1"};
  const auto result = classify(input + Arguments{"--json"});
  EXPECT_EQ(result.exit_code, 0);
  const auto rows = lines_of(result.out);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(parse_json(rows[1], "row").at("row"), 4);
  EXPECT_EQ(parse_json(rows[1], "row").at("text"), "four");
  EXPECT_THAT(result.err, HasSubstr("bad.tsv:2: row 1: 1 column(s)"));
  EXPECT_THAT(result.err, HasSubstr("bad.tsv:3: row 2: byte 2 of the text is NUL"));
  EXPECT_THAT(result.err, HasSubstr("bad.tsv:4: row 3: byte 3 of the text is not UTF-8"));
  EXPECT_THAT(result.err, HasSubstr("3 of 5 rows were skipped"));

  // Strict: what stands before is not lost.
  const auto strict = classify(input + Arguments{"--strict"});
  expect_failure(strict, 2, "classify", "bad.tsv:2: row 1: 1 column(s)");
  EXPECT_THAT(strict.out, HasSubstr("\tone\n"));
  EXPECT_EQ(lines_of(strict.out).size(), 1u);

  const auto lines = classify({}, {.stdin_text = "gööd\nb\xff"
                                                 "d\n"});
  EXPECT_EQ(lines.exit_code, 0);
  EXPECT_EQ(lines_of(lines.out).size(), 1u);
  EXPECT_THAT(lines.err, HasSubstr("standard input:2: row 1: byte 1 of the text is not UTF-8"));
}

TEST_F(ClassifyProgram, ALongLineDoesNotFillTheMemory) {
  file("long.txt", std::string(100'000'000, 'x') + "\nshort\n");
  const auto result =
      run_program("/bin/bash", {"-c",
                                "ulimit -v 4000000; cd \"$1\" && exec \"$2\" -q --threads 1 -m "
                                "urgent/model -i long.txt",
                                "-", folder().string(), GPTKIT_BIN_DIR "/classify"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, HasSubstr("long.txt:1: row 0: the line is longer than 16777216 bytes"));
  EXPECT_THAT(result.out, testing::EndsWith("\tshort\n"));
  fs::remove(folder() / "long.txt");
}

TEST_F(ClassifyProgram, TheThresholdMovesTheLabelAndNothingElse) {
  const auto label_at = [](const std::string& threshold) {
    const auto result =
        classify({"--json", "--positive", "緊急", "--threshold", threshold, "some text"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return parse_json(result.out, "output");
  };
  const auto always = label_at("0"), never = label_at("1");
  EXPECT_EQ(always.at("label"), "緊急");
  EXPECT_EQ(never.at("label"), "nicht dringend");
  EXPECT_EQ(always.at("probabilities"), never.at("probabilities"));
  EXPECT_EQ(always.at("probability"), always.at("probabilities").at("緊急"));
  EXPECT_EQ(never.at("probability"), never.at("probabilities").at("nicht dringend"));
}

TEST_F(ClassifyProgram, ExplanationsAreNumbersColoursOrAPage) {
  const Arguments explained = {"--explain", "a <b> 😀"};
  const auto json = parse_json(classify(explained + Arguments{"--json"}).out, "output");
  std::string joined;
  for (const auto& token : json.at("tokens")) joined += token.at("text").get<std::string>();
  EXPECT_EQ(joined, "a <b> 😀");
  const auto p = json.at("probability").get<double>();
  EXPECT_NEAR(json.at("log_odds").get<double>(), std::log(p / (1 - p)), 1e-4);

  const auto plain = classify(explained);
  EXPECT_THAT(plain.out, HasSubstr("\ta <b> 😀\t\"a\""));
  EXPECT_THAT(plain.out, Not(HasSubstr("\033[")));
  EXPECT_THAT(classify(explained + Arguments{"--color", "always"}).out, HasSubstr("\033[30;48;2;"));

  const auto page =
      classify(explained + Arguments{"--explain-method", "gradient", "--html", "why.html"});
  EXPECT_EQ(page.exit_code, 0) << page.err;
  EXPECT_THAT(content("why.html"), HasSubstr("gradient times input"));
  EXPECT_THAT(content("why.html"), HasSubstr("&lt;"));
  // A page is replaced by another, and no other file is.
  EXPECT_EQ(classify(explained + Arguments{"--html", "why.html"}).exit_code, 0);
  EXPECT_THAT(content("why.html"), HasSubstr("leave-one-out"));
  file("mine.html", "<!doctype html>\nmine");
  expect_failure(classify(explained + Arguments{"--html", "mine.html"}), 2, "classify",
                 "is not a page of explanations");
  EXPECT_EQ(content("mine.html"), "<!doctype html>\nmine");
}

TEST_F(ClassifyProgram, ALanguageModelChoosesFromLabels) {
  const auto zero = few_shot({"--labels", "spam, not spam", "--instruction", "", "--text-name", "T",
                              "--label-name", "L", "--json", "hello"});
  ASSERT_EQ(zero.exit_code, 0) << zero.err;
  const auto row = parse_json(zero.out, "output");
  EXPECT_EQ(row.at("shots"), 0);
  EXPECT_TRUE(row.at("probabilities").contains("not spam"));
  // Its context of 32 tokens has no room for examples: said at the end.
  const auto few = few_shot({"--examples", "train.tsv", "--shots", "4", "--instruction", "",
                             "--text-name", "T", "--label-name", "L", "hi"});
  EXPECT_EQ(few.exit_code, 0) << few.err;
  EXPECT_THAT(few.err, HasSubstr("left room in the model's context for fewer than 4 examples"));
  const auto report = few_shot({"--examples", "train.tsv", "--instruction", "", "--text-name", "T",
                                "--label-name", "L", "-i", "train.tsv", "--evaluate"});
  EXPECT_EQ(report.exit_code, 0) << report.err;
  EXPECT_THAT(report.out, HasSubstr("precision"));
}

TEST_F(ClassifyProgram, AccuracyByTheNumberOfExamplesIsATableAndJson) {
  const Arguments command = {
      "few-shot",      "-q",        "-m",          "pre/model", "--examples",   "train.tsv",
      "--test",        "train.tsv", "--shots",     "0,1",       "--rows",       "6",
      "--instruction", "",          "--text-name", "T",         "--label-name", "L"};
  const auto table = run("evaluate", command);
  ASSERT_EQ(table.exit_code, 0) << table.err;
  EXPECT_THAT(table.out, StartsWith("6 rows; accuracy of the most frequent label: 0."));
  const auto json = parse_json(run("evaluate", command + Arguments{"--json"}).out, "output");
  EXPECT_EQ(json.at("results").size(), 2u);
  EXPECT_EQ(json.at("results")[1].at("report").at("rows"), 6);
}

TEST_F(ClassifyProgram, AModelOfPairsAsksForTheSecondText) {
  std::string rows = "label\tquestion\tanswer\n";
  for (int i = 0; i < 40; ++i) {
    rows += concat(i % 2 ? "no" : "yes", "\tIs it ", i, "?\tIt is.\n");
  }
  file("pairs.tsv", rows);
  const auto trained =
      run("finetune-classify", {"-q", "--threads", "1", "-m", "pre/model", "--out", "pairs", "-s",
                                "data.train=pairs.tsv", "-s", "data.text_column=question", "-s",
                                "data.pair_column=answer", "-s", "train.max_steps=2"});
  ASSERT_EQ(trained.exit_code, 0) << trained.err;
  const Arguments command = {"-q", "--threads", "1", "-m", "pairs/model"};
  const Arguments table = {"-i", "pairs.tsv", "--text-column", "question"};
  expect_failure(run("classify", command + table), 2, "classify", "--pair-column");
  const auto answered =
      run("classify", command + table + Arguments{"--pair-column", "answer", "--json"});
  ASSERT_EQ(answered.exit_code, 0) << answered.err;
  EXPECT_THAT(answered.out, HasSubstr("Is it 39?\\nIt is."));

  const auto typed =
      run("classify", command + Arguments{"Is it 38?", "It is.", "Is it 39?", "It is.", "--json"});
  ASSERT_EQ(typed.exit_code, 0) << typed.err;
  const auto labels_of = [](const std::string& lines) {
    std::vector<std::pair<std::string, double>> labels;
    std::istringstream in(lines);
    for (std::string line; std::getline(in, line);) {
      const auto json = parse_json(line, "classify");
      labels.emplace_back(json.at("text"), json.at("probability"));
    }
    return labels;
  };
  const auto table_labels = labels_of(answered.out), typed_labels = labels_of(typed.out);
  ASSERT_EQ(table_labels.size(), 40U);
  ASSERT_EQ(typed_labels.size(), 2U);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(typed_labels[i].first, table_labels[38 + i].first);
    EXPECT_NEAR(typed_labels[i].second, table_labels[38 + i].second, 1e-4);
  }
  expect_failure(run("classify", command + Arguments{"Is it?", "It is.", "Is it?"}), 2, "classify",
                 "3 texts are given");
}

TEST_F(ClassifyProgram, BadInputIsOneLineAndExitCodeTwo) {
  file("wide.txt", std::string("\xff\xfe\0\0h\0\0\0", 8));
  file("empty.csv", "");
  file("none.tsv", "a\nb\n");
  file("label.tsv", "other\tx\n");
  const std::vector<std::pair<Arguments, std::string>> cases = {
      {{"--threshold", "0.7", "x"}, "--positive LABEL"},
      {{"--positive", "spam", "x"}, "'spam' is not one of the labels"},
      {{"--positive", "緊急", "--threshold", "1.5", "x"}, "threshold: 1.5"},
      {{"--html", "x.html", "x"}, "give --explain too"},
      {{"--explain", "--evaluate", "-i", "train.tsv"}, "choose one of them"},
      {{"--explain", "--html", "nowhere/x.html", "x"}, "nowhere"},
      {{"--explain-method", "guess", "x"}, "leave_one_out"},
      {{"--shots", "3", "x"}, "--examples FILE"},
      {{"--format", "xml", "-i", "train.tsv"}, "jsonl"},
      {{"--evaluate", "-i", "stories.txt", "--format", "lines"}, "--evaluate needs labels"},
      {{"--evaluate", "-i", "label.tsv"}, "label 'other' is not one of"},
      {{"-i", "wide.txt"}, "this is UTF-32"},
      {{"-i", "empty.csv"}, "empty.csv: no rows"},
      {{"-i", "train.tsv", "--text-column", "body"}, "no column 'body'"},
      {{"-i", "."}, "is a folder"}};
  for (const auto& [more, part] : cases) {
    SCOPED_TRACE(testing::PrintToString(more));
    const auto result = classify(more);
    expect_failure(result, 2, "classify", part);
    EXPECT_EQ(result.out, "");
  }
  const std::vector<std::pair<Arguments, std::string>> few_shot_cases = {
      {{"--labels", "spam", "x"}, "labels: 1 given"},
      {{"--labels", "a,a", "x"}, "'a' is given twice"},
      {{"--labels", "a,b", "--shots", "-1", "x"}, "shots: -1"},
      {{"--labels", "a,b", "--shots", "2", "x"}, "--examples"},
      {{"--labels", "a,b", "--examples", "train.tsv", "x"}, "expected one of a, b"},
      {{"--examples", "train.tsv", "--shots", "100", "x"}, "100 shots need at least"},
      {{"--examples", "nowhere.tsv", "x"}, "nowhere.tsv"},
      {{"--labels", "a,b", "--explain", "x"}, "--explain is for finetuned classifiers"},
      {{"--labels", "a,b", "x"}, "instruction and labels alone are longer"}};
  for (const auto& [more, part] : few_shot_cases) {
    SCOPED_TRACE(testing::PrintToString(more));
    expect_failure(few_shot(more), 2, "classify", part);
  }
  for (const auto& [more, part] : std::vector<std::pair<Arguments, std::string>>{
           {{"--labels", "a,b"}, "--test"},
           {{"--test", "train.tsv"}, "no labels"},
           {{"--test", "train.tsv", "--labels", "a,b", "--rows", "-1"}, "rows: -1"},
           {{"--test", "train.tsv", "--labels", "a,b", "--shots", "1,,2"}, "shots: ''"}}) {
    SCOPED_TRACE(testing::PrintToString(more));
    expect_failure(run("evaluate", Arguments{"few-shot", "-m", "pre/model"} + more), 2, "evaluate",
                   part);
  }
}

}  // namespace
}  // namespace gptkit::test
