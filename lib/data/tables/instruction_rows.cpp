#include "data/tables/instruction_rows.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "data/tables/json_rows.h"
#include "data/text_encoding.h"

namespace gptkit {

namespace {

using Names = std::span<const std::string_view>;

// The first name is Alpaca's and wins over the others, which are then keys that are not read.
constexpr std::array<std::string_view, 4> kRequest = {"instruction", "prompt", "question", "query"};
constexpr std::array<std::string_view, 3> kInput = {"input", "context", "query"};
constexpr std::array<std::string_view, 4> kAnswer = {"output", "response", "answer", "completion"};
constexpr std::array<std::string_view, 2> kSystemText = {"system", "system_prompt"};
constexpr std::array<std::string_view, 2> kTalk = {"messages", "conversations"};
// Of these the model would have to see something that no prompt style here has.
constexpr std::array<std::string_view, 5> kRefused = {"tools", "functions", "images", "videos",
                                                      "audios"};
constexpr std::array<std::string_view, 4> kRefusedOfMessage = {"name", "tool_calls", "tool_call_id",
                                                               "function_call"};

template <std::size_t n>
bool among(const std::array<std::string_view, n>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_row_key(const std::string& key) {
  return among(kRequest, key) || among(kInput, key) || among(kAnswer, key) || among(kTalk, key);
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == text.npos; }

/// Null, and the forms that mean no value.
bool is_nothing(const Json& value) {
  if (value.is_string()) return value == "[]" || value.get_ref<const std::string&>().empty();
  return value.is_null() || (value.is_structured() && value.empty());
}

/// A member of a row that is there and not null.
const Json* member(const Json& object, std::string_view key) {
  const auto found = object.find(std::string(key));
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

/// One object, and which of its keys were used.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  const std::string& where() const { return where_; }
  const Json* find(std::string_view key) {
    const auto* value = member(object_, key);
    if (value) used_.insert(std::string(key));
    return value;
  }
  bool has(std::string_view key) const { return member(object_, key) != nullptr; }

  /// The one of several names that is there; the first stands above the others.
  std::optional<std::string> choose(Names names, const char* what) const {
    std::vector<std::string> there;
    for (const auto name : names) {
      if (has(name)) there.emplace_back(name);
    }
    if (there.empty()) return std::nullopt;
    require(there.size() == 1 || there.front() == names.front(), where_, ": each of ",
            listed_names(there), " could be the ", what, "; leave one of them, or call it '",
            names.front(), "'");
    return there.front();
  }
  std::string text(const std::string& key) {
    used_.insert(key);
    return json_string(object_, key, where_);
  }
  void refuse(Names names, const char* why) const {
    for (const auto name : names) {
      const auto found = object_.find(std::string(name));
      require(found == object_.end() || is_nothing(*found), where_, ": the key '", name, "' ", why);
    }
  }
  /// Adds keys that are there and were not used.
  void count_unused(const std::string& prefix, std::map<std::string, std::int64_t>& unknown) const {
    for (const auto& [key, value] : object_.items()) {
      if (!is_nothing(value) && !used_.contains(key)) ++unknown[prefix + key];
    }
  }
  std::string keys() const { return listed_keys(object_); }

 private:
  const Json& object_;
  std::string where_;
  std::set<std::string> used_;
};

enum class Role { kSystem, kUser, kAssistant };

struct Message {
  Role role = Role::kUser;
  std::string name = {}, content = {};  // name: the role as the file has it
};

/// OpenAI's names, ShareGPT's, and those of its relatives.
Role role_of(const std::string& name, const std::string& where) {
  static const std::map<std::string, Role, std::less<>> kRoles = {
      {"system", Role::kSystem},       {"user", Role::kUser},      {"human", Role::kUser},
      {"assistant", Role::kAssistant}, {"gpt", Role::kAssistant},  {"model", Role::kAssistant},
      {"chatgpt", Role::kAssistant},   {"bing", Role::kAssistant}, {"bard", Role::kAssistant}};
  const auto found = kRoles.find(name);
  require(found != kRoles.end(), where, ": the role '", printable(name, 40),
          "' is not supported; expected system, user (human) or assistant (gpt)");
  return found->second;
}

/// A text, or OpenAI's list of parts, of which those of type text are joined.
std::string content_text(const Json& content, const std::string& where) {
  if (!content.is_array()) {
    require(content.is_string(), where, ": the content is neither a text nor a list of parts");
    return content.get<std::string>();
  }
  std::string text;
  for (const auto& part : content) {
    const auto type = json_string(part, "type", where);
    require(type == "text", where, ": the content has a part of type '", printable(type, 40),
            "'; only text is supported");
    text += json_string(part, "text", where);
  }
  return text;
}

/// Turns rows of any shape into InstructionRows and counts what it does not read.
class RowReader {
 public:
  std::map<std::string, std::int64_t> unknown;  // keys that were not read

  InstructionRow read(const Json& object, const std::string& where) {
    require(object.is_object(), where, ": a row must be a JSON object");
    Fields fields(object, where);
    fields.refuse(kRefused, "is not supported: models here read text alone; leave it out");
    InstructionRow row = is_talk(fields) ? talk_row(fields) : alpaca_row(fields);
    fields.count_unused("", unknown);
    return row;
  }

 private:
  static bool is_talk(const Fields& fields) {
    require(!fields.has(kTalk[0]) || !fields.has(kTalk[1]), fields.where(), ": '", kTalk[0],
            "' and '", kTalk[1], "' are both there; leave one of them");
    return fields.has(kTalk[0]) || fields.has(kTalk[1]);
  }

  InstructionRow alpaca_row(Fields& fields) {
    const bool named = fields.has("instruction") || fields.has("prompt");
    // "query" beside one of these is the input, as LLaMA-Factory has it.
    const auto requests = Names(kRequest).first(named ? 3 : 4);
    const auto inputs = Names(kInput).first(named ? 3 : 2);
    auto request = fields.choose(requests, "request"), input = fields.choose(inputs, "input");
    if (!request && input == "input") request.swap(input);  // {"input", "output"}
    const auto answer = fields.choose(kAnswer, "answer");
    require(request.has_value(), fields.where(),
            ": the key 'instruction' is missing (also read: prompt, question, query; messages; "
            "conversations); the row has ",
            fields.keys());
    require(answer.has_value(), fields.where(),
            ": the key 'output' is missing (also read: response, answer, completion); the row has ",
            fields.keys());
    const auto* first = fields.find(*request);
    if (*request == "prompt" && first->is_array()) {
      return prompt_and_completion(fields, *first, *answer);
    }
    InstructionRow row;
    row.prompt.instruction = fields.text(*request);
    if (input) row.prompt.input = fields.text(*input);
    read_system(fields, row.prompt);
    if (const auto* history = fields.find("history")) {
      row.prompt.history = turns(*history, fields.where());
    }
    row.output = fields.text(*answer);
    return row;
  }

  /// TRL's conversations in two lists.
  InstructionRow prompt_and_completion(Fields& fields, const Json& prompt,
                                       const std::string& answer) {
    auto messages = read_messages(prompt, fields.where(), "prompt");
    const auto& completion = *fields.find(answer);
    if (completion.is_string()) {
      messages.push_back({Role::kAssistant, "assistant", completion.get<std::string>()});
    } else {
      for (auto& message : read_messages(completion, fields.where(), answer)) {
        messages.push_back(std::move(message));
      }
    }
    return conversation(fields, std::move(messages));
  }

  InstructionRow talk_row(Fields& fields) {
    const auto key = *fields.choose(kTalk, "conversation");
    require(!fields.has("history"), fields.where(), ": '", key,
            "' and 'history' are both there; earlier turns belong into one of them");
    return conversation(fields, read_messages(*fields.find(key), fields.where(), key));
  }

  static void read_system(Fields& fields, PromptFields& prompt) {
    if (const auto key = fields.choose(kSystemText, "system message")) {
      const auto text = fields.text(*key);
      if (!text.empty()) prompt.system = text;
    }
  }

  /// Alpaca's "history", as LLaMA-Factory has it.
  static std::vector<Turn> turns(const Json& history, const std::string& where) {
    require(history.is_array(), where, ": 'history' is not a list of [request, answer] pairs");
    std::vector<Turn> turns;
    for (const auto& pair : history) {
      require(pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_string(),
              where, ": 'history' must hold pairs of texts, [request, answer]; found ",
              printable(dump_json(pair), 60));
      turns.push_back({pair[0].get<std::string>(), pair[1].get<std::string>()});
    }
    return turns;
  }

  std::vector<Message> read_messages(const Json& list, const std::string& where,
                                     const std::string& key) {
    require(list.is_array(), where, ": '", key, "' is not a list of messages");
    std::vector<Message> messages;
    for (const auto& item : list) {
      const auto place = concat(where, ": message ", messages.size());
      require(item.is_object(), place, ": a message must be an object with role and content");
      messages.push_back(read_message(Fields(item, place), key));
    }
    return messages;
  }

  Message read_message(Fields fields, const std::string& key) {
    static constexpr std::array<std::string_view, 2> kRole = {"role", "from"},
                                                     kContent = {"content", "value"};
    const auto& where = fields.where();
    fields.refuse(kRefusedOfMessage,
                  "is not supported: no prompt style here has a place for it; leave it out");
    const auto role_key = fields.choose(kRole, "role"),
               content_key = fields.choose(kContent, "content");
    require(role_key && content_key, where, ": a message needs a role (or from) and a content (or ",
            "value); this one has ", fields.keys());
    Message message{.name = fields.text(*role_key),
                    .content = content_text(*fields.find(*content_key), where)};
    message.role = role_of(message.name, where);
    const auto* weight = fields.find("weight");
    require(!weight || *weight == 1, where,
            ": 'weight' is not 1; weights of messages are not supported, but ",
            Key{"instruct.mask_prompt"}, " leaves out all but the last answer");
    fields.count_unused(key + "[].", unknown);
    return message;
  }

  /// [system], then user and assistant by turns; the last answer is the output.
  static InstructionRow conversation(Fields& fields, std::vector<Message> messages) {
    const auto& where = fields.where();
    InstructionRow row;
    read_system(fields, row.prompt);
    const bool with_system = !messages.empty() && messages.front().role == Role::kSystem;
    if (with_system) {
      require(!fields.has("system") && !fields.has("system_prompt"), where,
              ": the row has a system message and a system text of its own; leave one of them");
      row.prompt.system = std::move(messages.front().content);
      messages.erase(messages.begin());
    }
    for (std::size_t i = 0; i < messages.size(); ++i) {
      const auto expected = i % 2 == 0 ? Role::kUser : Role::kAssistant;
      require(messages[i].role == expected, where, ": a message of role '",
              printable(messages[i].name, 40), "' where ",
              expected == Role::kAssistant ? "'assistant'"
              : i == 0 && !with_system     ? "'user' (or at the start 'system')"
                                           : "'user'",
              " was expected");
    }
    require(!messages.empty() && messages.size() % 2 == 0, where,
            ": a conversation must end with an answer (a message of role 'assistant')");
    row.output = std::move(messages.back().content);
    row.prompt.instruction = std::move(messages[messages.size() - 2].content);
    for (std::size_t i = 0; i + 2 < messages.size(); i += 2) {
      row.prompt.history.push_back(
          {std::move(messages[i].content), std::move(messages[i + 1].content)});
    }
    return row;
  }
};

/// "'id' (100 rows), 'tags' (3 rows)"
std::string counted(const std::map<std::string, std::int64_t>& keys) {
  constexpr std::size_t kMost = 10;
  std::string text;
  std::size_t shown = 0;
  for (const auto& [key, count] : keys) {
    if (++shown > kMost) return concat(text, " and ", keys.size() - kMost, " more");
    text += concat(text.empty() ? "'" : ", '", printable(key, 40), "' (", count, " times)");
  }
  return text;
}

void tell(bool strict, const std::string& message) {
  require(!strict, message, " (", Key{"data.strict"}, " is set)");
  log_warning(message);
}

}  // namespace

std::vector<InstructionRow> read_instructions(const std::filesystem::path& path, bool strict,
                                              InstructionCounts& counts) {
  const auto name = printable(path.string(), 400);
  const auto text = read_text(path);
  refuse_lfs_pointer(text, name);
  RowReader reader;
  std::vector<InstructionRow> rows;
  std::int64_t number = 0, empty = 0, broken = 0;
  std::string first_broken;
  for (const auto& [json, line] : split_json_rows(text, name, is_row_key)) {
    const auto where = line > 0 ? concat(name, ":", line) : concat(name, ": row ", number);
    ++number;
    if (has_lone_surrogate(json)) {
      if (++broken == 1) first_broken = where;
      continue;
    }
    auto row = reader.read(parse_json(json, where), where);
    row.row = number - 1;
    if (is_blank(row.output)) {
      ++empty;
    } else {
      rows.push_back(std::move(row));
    }
  }
  if (!reader.unknown.empty()) {
    tell(strict, concat(name, ": keys that are not read: ", counted(reader.unknown)));
  }
  if (broken > 0) {
    tell(strict,
         concat(first_broken, ": half of a UTF-16 pair (\\ud800 to \\udfff) is not a character; ",
                broken == 1 ? "the row is" : concat(broken, " rows like it are"), " left out"));
  }
  require(number > 0, name, ": no rows");
  require(!rows.empty(), name, ": none of ", number, " row(s) has an output to learn from");
  counts.skipped_empty += empty;
  counts.skipped_broken += broken;
  return rows;
}

}  // namespace gptkit
