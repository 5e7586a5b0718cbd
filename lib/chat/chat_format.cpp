#include "chat/chat_format.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "chat/jinja/characters.h"

namespace gptkit {

namespace {

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

/// How far two texts are alike.
std::size_t common_prefix(std::string_view a, std::string_view b) {
  const auto end = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first;
  return static_cast<std::size_t>(end - a.begin());
}

}  // namespace

ChatFormat::ChatFormat(ChatTemplate chat_template, std::shared_ptr<const Tokenizer> tokenizer,
                       std::vector<std::pair<std::string, std::string>> special_tokens)
    : template_(std::move(chat_template)),
      special_tokens_(std::move(special_tokens)),
      encoder_(std::move(tokenizer), template_.source()) {
  look_at_answers();
}

TrackedText ChatFormat::render(const Conversation& conversation, bool add_generation_prompt) const {
  return template_.render(conversation, {.add_generation_prompt = add_generation_prompt,
                                         .special_tokens = special_tokens_});
}

/// Learns from a small conversation what opens an answer and what ends it. A template that refuses
/// that conversation has neither.
void ChatFormat::look_at_answers() {
  const Conversation question = {{"user", "x"}};
  try {
    const auto bare = render(question, false), opened = render(question, true);
    const auto opening = common_prefix(opened.text(), bare.text());
    answer_opening_ = trimmed(std::string_view(opened.text()).substr(opening));

    const auto whole = render({{"user", "x"}, {"assistant", "y"}}, false);
    if (whole.written().size() < 2) return;
    const auto behind = trimmed(std::string_view(whole.text()).substr(whole.written().back().end));
    const auto special = encoder_.find_special(behind);
    end_of_turn_ =
        !special.text.empty() ? special.text : behind.substr(0, behind.find_first_of(" \t\r\n"));
  } catch (const Error&) {
    return;
  }
}

std::string ChatFormat::request(const std::string& instruction, const std::string& input) const {
  if (input.empty()) return instruction;
  const bool alpaca = template_.source().find("### Instruction:") != std::string::npos;
  return concat(instruction, alpaca ? "\n\n### Input:\n" : "\n", input);
}

std::vector<TokenId> ChatFormat::encode_prompt(const Conversation& conversation) const {
  return encoder_.encode(render(conversation, /*add_generation_prompt=*/true));
}

ChatFormat::FittedPrompt ChatFormat::encode_prompt_within(const Conversation& conversation,
                                                          std::int64_t max_tokens) const {
  Conversation kept = conversation;
  FittedPrompt prompt{.ids = encode_prompt(kept)};
  const auto fits = [&] { return std::ssize(prompt.ids) <= max_tokens; };
  const std::size_t first = !kept.empty() && kept.front().role == "system" ? 1 : 0;
  while (!fits() && kept.size() >= first + 3) {
    const auto turn = kept.begin() + static_cast<std::ptrdiff_t>(first);
    kept.erase(turn, turn + 2);
    ++prompt.dropped_turns;
    prompt.ids = encode_prompt(kept);
  }
  if (fits() || kept.empty()) return prompt;

  const std::string whole = kept.back().content;
  const auto starts = jinja::character_starts(whole);
  const auto encode_from = [&](std::size_t start) {
    kept.back().content = whole.substr(starts[start]);
    return encode_prompt(kept);
  };
  std::size_t too_few = 0, enough = starts.size() - 1;  // characters to cut
  auto ids = encode_from(enough);
  require(std::ssize(ids) <= max_tokens, template_.where(), ": the chat template",
          first == 1 ? " and the system message take " : " takes ", ids.size(),
          " tokens without any request, and there is room for ", max_tokens);
  while (enough - too_few > 1) {
    const std::size_t middle = too_few + (enough - too_few) / 2;
    auto shorter = encode_from(middle);
    if (std::ssize(shorter) <= max_tokens) {
      enough = middle;
      ids = std::move(shorter);
    } else {
      too_few = middle;
    }
  }
  prompt.ids = std::move(ids);
  prompt.cut_characters = static_cast<std::int64_t>(enough);
  return prompt;
}

ChatFormat::Example ChatFormat::encode_example(const Conversation& prompt,
                                               const std::string& answer) const {
  Conversation answered = prompt;
  answered.push_back({"assistant", answer});
  auto whole = render(answered, /*add_generation_prompt=*/false);
  const auto& text = whole.text();
  std::size_t end = text.size();
  while (end > 0 && !whole.is_written(end - 1) &&
         std::isspace(static_cast<unsigned char>(text[end - 1])) != 0) {
    --end;
  }
  whole.truncate(end);
  const auto before = render(prompt, /*add_generation_prompt=*/false);
  const auto shared = common_prefix(whole.text(), before.text());

  Example example{.ids = encoder_.encode(whole)};
  const auto head = encoder_.encode(whole.slice(0, shared));
  const auto differ =
      std::mismatch(head.begin(), head.end(), example.ids.begin(), example.ids.end()).first;
  example.prompt_tokens = differ - head.begin();
  return example;
}

std::string ChatFormat::answer_of(std::string_view generated) const {
  auto text = trimmed(generated);
  if (!answer_opening_.empty() && text.starts_with(answer_opening_)) {
    text.remove_prefix(answer_opening_.size());
  }
  if (!end_of_turn_.empty()) text = text.substr(0, text.find(end_of_turn_));
  return std::string(trimmed(text));
}

}  // namespace gptkit
