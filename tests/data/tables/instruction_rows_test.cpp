#include "data/tables/instruction_rows.h"

#include "data/data_support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class InstructionRows : public testing::Test {
 protected:
  std::vector<InstructionRow> read(const std::string& name, std::string_view content,
                                   bool strict = false) {
    test::write(folder_ / name, content);
    counts_ = {};
    return read_instructions(folder_ / name, strict, counts_);
  }
  /// What reading warns of.
  std::string said(const std::string& content, bool strict = false) {
    testing::internal::CaptureStderr();
    read("a.json", content, strict);
    return testing::internal::GetCapturedStderr();
  }
  void refuse(const std::string& name, const std::string& content, const std::string& part) {
    expect_error([&] { read(name, content); }, part);
  }
  ScratchFolder folder_;
  InstructionCounts counts_;
};

TEST_F(InstructionRows, ReadsAlpacaInEveryShapeOfFile) {
  const std::string first = R"({"instruction": "I", "input": "x", "output": "O"})",
                    second = R"({"instruction": "J", "input": null, "output": "P"})";
  for (const char* name : {"a.json", "a.jsonl", "a.txt"}) {
    for (const auto& content :
         {"[" + first + ",\n " + second + "]", "[\n" + first + "\n,\n" + second + "\n]\n",
          first + "\n\n" + second, "\xEF\xBB\xBF" + first + "\r\n" + second + "\r\n",
          "{\"version\": 1, \"data\": [" + first + ", " + second + "]}",
          "{\n  \"rows\": [" + first + ",\n" + second + "]\n}\n",
          "{\n" + first.substr(1) + "\n{\n" + second.substr(1)}) {
      const auto rows = read(name, content);
      ASSERT_EQ(rows.size(), 2U) << content;
      EXPECT_EQ(rows[0].prompt, (PromptFields{"I", "x"}));
      EXPECT_EQ(rows[0].output, "O");
      EXPECT_EQ(rows[1].prompt, (PromptFields{"J", ""}));
      EXPECT_EQ(rows[1].row, 1);
    }
  }
  EXPECT_EQ(read("a.json", first).size(), 1U);
}

TEST_F(InstructionRows, AlpacasHistoryAndSystemReachThePrompt) {
  const auto row = read("a.json", R"([{"instruction": "2", "output": "two", "system": "S",
                                       "history": [["0", "zero"], ["1", "one"]]}])")
                       .front();
  EXPECT_EQ(row.prompt, (PromptFields{"2", "", "S", {{"0", "zero"}, {"1", "one"}}}));
  const auto bare = read("a.json", R"([{"instruction": "2", "output": "two", "system": "",
                                        "history": []}, {"instruction": "2", "output": "two",
                                        "system": null, "history": null}])");
  EXPECT_EQ(bare[0].prompt, (PromptFields{"2", ""}));
  EXPECT_EQ(bare[1].prompt, (PromptFields{"2", ""}));
  refuse("a.json", R"([{"instruction": "2", "output": "two", "history": [["0"]]}])",
         "row 0: 'history' must hold pairs of texts, [request, answer]; found [\"0\"]");
  refuse("a.json", R"([{"instruction": "2", "output": "two", "history": "0"}])", "is not a list");
}

TEST_F(InstructionRows, AConversationIsReadUnderEveryName) {
  const PromptFields want{"2", "", "S", {{"1", "one"}}};
  for (const char* content : {
           R"({"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "1"},
               {"role": "assistant", "content": "one"}, {"role": "user", "content": "2"},
               {"role": "assistant", "content": "two"}]})",
           R"({"conversations": [{"from": "human", "value": "1"}, {"from": "gpt", "value": "one"},
               {"from": "user", "value": "2"}, {"from": "model", "value": "two"}], "system": "S"})",
           R"({"conversations": [{"from": "system", "value": "S"}, {"role": "user", "content": "1"},
               {"from": "chatgpt", "value": "one"}, {"role": "human", "value": "2"},
               {"role": "assistant", "content": "two", "weight": 1}]})",
           R"({"messages": [{"role": "system", "content": [{"type": "text", "text": "S"}]},
               {"role": "user", "content": "1"}, {"role": "assistant", "content": "one"},
               {"role": "user", "content": [{"type": "text", "text": "2"},
                                            {"type": "text", "text": ""}]},
               {"role": "assistant", "content": "two", "tool_calls": null, "name": ""}],
               "tools": []})",
           R"({"prompt": [{"role": "system", "content": "S"}, {"role": "user", "content": "1"},
               {"role": "assistant", "content": "one"}, {"role": "user", "content": "2"}],
               "completion": [{"role": "assistant", "content": "two"}]})"}) {
    const auto row = read("a.json", content).front();
    EXPECT_EQ(row.prompt, want) << content;
    EXPECT_EQ(row.output, "two");
  }
}

TEST_F(InstructionRows, OtherNamesForRequestInputAndAnswerAreRead) {
  const auto fields = [&](const std::string& content) {
    const auto row = read("a.json", content).front();
    return std::vector{row.prompt.instruction, row.prompt.input, row.prompt.system.value_or(""),
                       row.output};
  };
  EXPECT_THAT(fields(R"([{"prompt": "I", "completion": "O"}])"), ElementsAre("I", "", "", "O"));
  EXPECT_THAT(fields(R"([{"question": "I", "answer": "O"}])"), ElementsAre("I", "", "", "O"));
  EXPECT_THAT(fields(R"([{"query": "I", "response": "O"}])"), ElementsAre("I", "", "", "O"));
  EXPECT_THAT(fields(R"([{"input": "I", "output": "O"}])"), ElementsAre("I", "", "", "O"));
  EXPECT_THAT(fields(R"([{"prompt": "I", "query": "x", "response": "O"}])"),
              ElementsAre("I", "x", "", "O"));
  EXPECT_THAT(fields(R"([{"instruction": "I", "context": "x", "response": "O"}])"),
              ElementsAre("I", "x", "", "O"));
  EXPECT_THAT(fields(R"([{"system_prompt": "S", "question": "I", "response": "O"}])"),
              ElementsAre("I", "", "S", "O"));
  EXPECT_THAT(fields(R"([{"instruction": "I", "question": "J", "output": "O"}])"),
              ElementsAre("I", "", "", "O"));
  refuse("a.json", R"([{"prompt": "I", "question": "J", "output": "O"}])",
         "each of 'prompt', 'question' could be the request");
  refuse("a.json", R"([{"instruction": "I", "response": "O", "answer": "P"}])",
         "each of 'response', 'answer' could be the answer");
  refuse("a.json", R"([{"messages": [], "conversations": []}])", "are both there");
}

TEST_F(InstructionRows, AKeyThatIsNotReadIsNamedOnceWithItsCount) {
  const std::string rows = R"([{"id": 1, "instruction": "I", "output": "O", "tag": null},
                               {"id": 2, "instruction": "I", "output": "O", "tag": "x"}])";
  EXPECT_THAT(said(rows),
              AllOf(HasSubstr("keys that are not read: 'id' (2 times), 'tag' (1 times)"),
                    Not(HasSubstr("left out"))));
  expect_error([&] { read("a.json", rows, /*strict=*/true); }, "(`data.strict` is set)");
  EXPECT_THAT(said(R"([{"messages": [{"role": "user", "content": "1", "mood": "x"},
                                     {"role": "assistant", "content": "one"}]}])"),
              HasSubstr("'messages[].mood' (1 times)"));
  EXPECT_EQ(said(R"([{"instruction": "I", "output": "O", "history": [], "system": ""}])", true),
            "");
}

TEST_F(InstructionRows, HalfACharacterCostsItsRowAlone) {
  const std::string broken = R"({"instruction": "I", "output": "\ud83d"})",
                    whole = R"({"instruction": "\ud83d\ude00", "output": "\\ud83d"})";
  for (const auto& content :
       {broken + "\n" + whole + "\n" + broken, "[" + broken + "," + whole + "," + broken + "]"}) {
    testing::internal::CaptureStderr();
    const auto rows = read("a.json", content);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("2 rows like it are left out"));
    ASSERT_EQ(rows.size(), 1U);
    EXPECT_EQ(rows[0].prompt.instruction, "\xF0\x9F\x98\x80");
    EXPECT_EQ(rows[0].output, "\\ud83d");
    EXPECT_EQ(rows[0].row, 1);
    EXPECT_EQ(counts_.skipped_broken, 2);
    expect_error([&] { read("a.json", content, /*strict=*/true); }, "data.strict");
  }
}

TEST_F(InstructionRows, OtherEncodingsAreConverted) {
  EXPECT_EQ(read("a.json", "{\"instruction\": \"\xA3 5\", \"output\": \"caf\xE9\"}").front().output,
            "café");
  std::string utf16 = "\xFF\xFE";
  for (const char c : std::string(R"([{"instruction": "I", "output": "O"}])")) {
    utf16 += {c, '\0'};
  }
  EXPECT_EQ(read("b.json", utf16).front().output, "O");
}

TEST_F(InstructionRows, RefusesWhatIsNoInstructionData) {
  refuse("a.json", "", "no rows");
  refuse("a.json", "5", "a row must be a JSON object");
  refuse("a.json", "5 6", "expected a JSON array of objects, an object a line");
  refuse("a.json", R"([{"instruction": "I", "output": "O"}, {"output": "O"}])",
         "a.json: row 1: the key 'instruction' is missing (also read: prompt, question, query; "
         "messages; conversations); the row has 'output'");
  refuse("a.json", R"({"instruction": "I"})", "the key 'output' is missing");
  refuse("a.json", R"([{"instruction": 5, "output": "O"}])", "'instruction' is 5");
  refuse("a.json", R"([{"instruction": "I", "output": ""}])", "none of 1 row(s) has an output");
  refuse("a.json", "[{\"instruction\": \"I\",\n \"output\": \"O\"},\n {\"a\" 5}]",
         "a.json: row 1: invalid JSON");
  refuse("a.json", R"([{"instruction": "I", "output": "O"})", "a.json: invalid JSON");
  refuse("a.json", R"({"train": [], "test": []})", "the lists 'train', 'test'");
  refuse("a.jsonl", "{\"instruction\": \"I\", \"output\": \"O\"}\n[]\n",
         "a.jsonl:2: a row must be");
  refuse("a.jsonl", "{\"instruction\": \"I\", \"output\": \"O\"}\n{\"instruction\n", "a.jsonl:2");
}

TEST_F(InstructionRows, RefusesConversationsThatItWouldReadInPart) {
  const auto talk = [](const std::string& messages) {
    return R"({"messages": [)" + messages + "]}";
  };
  const std::string user = R"({"role": "user", "content": "x"})",
                    answer = R"({"role": "assistant", "content": "y"})";
  refuse("a.json", talk(answer), "'user' (or at the start 'system') was expected");
  refuse("a.json", talk(user), "must end with an answer");
  refuse("a.json", talk(user + "," + user), "of role 'user' where 'assistant' was expected");
  refuse("a.json",
         talk(R"({"role": "system", "content": "S"}, {"role": "system", "content": "S"},)" + user +
              "," + answer),
         "of role 'system' where 'user' was expected");
  refuse("a.json", talk(""), "must end with an answer");
  refuse("a.json", R"({"messages": {}})", "'messages' is not a list");
  refuse("a.json", talk(R"({"role": "tool", "content": "x"})"),
         "message 0: the role 'tool' is not supported");
  refuse("a.json", talk(R"({"role": "user", "name": "Ann", "content": "x"})"), "the key 'name'");
  refuse("a.json", talk(R"({"role": "user"})"), "this one has 'role'");
  refuse("a.json", talk(R"({"role": "user", "content": [{"type": "image_url"}]})"), "'image_url'");
  refuse("a.json", talk(user + R"(, {"role": "assistant", "content": "y", "weight": 0})"),
         "'weight' is not 1");
  refuse("a.json", R"([{"instruction": "I", "output": "O", "tools": [{"name": "f"}]}])",
         "the key 'tools' is not supported");
  refuse("a.json", R"({"messages": [], "history": []})", "both there");
}

}  // namespace
}  // namespace gptkit
