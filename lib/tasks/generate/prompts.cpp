#include "tasks/generate/prompts.h"

#include <algorithm>
#include <iostream>
#include <iterator>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "base/log.h"
#include "data/text_encoding.h"
#include "text/truncate.h"

namespace gptkit {

namespace {

constexpr uint64_t kMostBytes = uint64_t{64} << 20;  // of one prompt's file
constexpr uint64_t kMostBytesOfAll = uint64_t{4} << 30;

/// The lines of a file without their ends, which may be CRLF; a last empty line is none.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    auto line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(std::move(line));
    begin = end + 1;
  }
  return lines;
}

std::string prompt_of(const std::string& line, const std::string& where) {
  const auto row = parse_json(line, where);
  require(row.is_object() && row.contains("prompt") && row["prompt"].is_string(), where,
          ": expected an object with a text \"prompt\"");
  return row["prompt"].get<std::string>();
}

std::vector<std::string> read_file_of_prompts(const fs::path& path) {
  const auto extension = path.extension().string();
  require(extension == ".txt" || extension == ".jsonl", Key{"input"}, ": ", path.string(),
          ": expected a .txt file with a prompt a line, or .jsonl");
  auto lines = lines_of(read_text(path, kMostBytesOfAll));
  for (size_t i = 0; i < lines.size(); ++i) {
    const auto where = concat(path.string(), ":", i + 1);
    if (extension == ".jsonl") lines[i] = prompt_of(lines[i], where);
    require(!lines[i].empty(), where, ": the prompt is empty");
  }
  require(!lines.empty(), path.string(), ": no prompt; expected one a line");
  return lines;
}

Conversation conversation(const ChatFormat& chat, const GenerateConfig& config,
                          const std::string& prompt) {
  Conversation messages;
  if (config.system) messages.push_back({"system", *config.system});
  messages.push_back({"user", chat.request(prompt, config.instruction_input)});
  return messages;
}

/// A chat prompt that is too long is cut inside what was asked.
std::vector<TokenId> encode_chat(const ChatFormat& chat, const GenerateConfig& config,
                                 const std::string& prompt, int64_t most) {
  const auto messages = conversation(chat, config, prompt);
  if (!config.truncate_prompt) return chat.encode_prompt(messages);
  auto fitted = chat.encode_prompt_within(messages, most);
  if (fitted.cut_characters > 0) {
    log_warning("the first ", fitted.cut_characters,
                " characters of the prompt are cut; the chat template",
                config.system ? " and the system message stay" : " stays");
  }
  return fitted.ids;
}

/// Of a text that is too long the beginning is cut, behind the tokens that begin every text.
std::vector<TokenId> encode_plain(const Tokenizer& tokenizer, const GenerateConfig& config,
                                  const std::string& prompt, int64_t most) {
  auto ids = encode_beginning(tokenizer, prompt);
  const auto tokens = std::ssize(ids);
  if (config.truncate_prompt &&
      truncate(ids, most, Truncate::kLeft, {.before = tokenizer.frame().before})) {
    log_warning("the prompt's first ", tokens - std::ssize(ids), " of ", tokens, " tokens are cut");
  }
  return ids;
}

}  // namespace

std::vector<std::string> read_prompts(const GenerateConfig& config) {
  if (!config.input.empty()) return read_file_of_prompts(config.input);
  if (config.prompt_file.empty()) return {config.prompt};
  if (config.prompt_file.filename() == "-") {
    return {
        decode_text(std::string(std::istreambuf_iterator<char>(std::cin), {}), "standard input")};
  }
  return {read_text(config.prompt_file, kMostBytes)};
}

std::vector<TokenId> encode_prompt(const ModelText& model, const GenerateConfig& config,
                                   const std::string& prompt, int64_t context) {
  const int64_t room =
      std::min(std::max<int64_t>(config.generation.max_new_tokens, 1), context / 2);
  auto ids = config.chat ? encode_chat(require_chat(model), config, prompt, context - room)
                         : encode_plain(*model.tokenizer, config, prompt, context - room);
  const bool slides = config.generation.context_overflow == ContextOverflow::kSlide;
  require(slides || std::ssize(ids) <= context, "the prompt has ", ids.size(),
          " tokens and the model's context holds ", context,
          "; shorten it, or cut its beginning with ", Key{"truncate_prompt"});
  return ids;
}

}  // namespace gptkit
