#include "text/prompt.h"

#include <cctype>

namespace gptkit {

namespace {

constexpr std::string_view kAlpacaOpening =
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request.";
constexpr std::string_view kChatStart = "<|im_start|>", kChatEnd = "<|im_end|>";

/// Appends text, joining it to a piece of text before it.
void add_text(PromptText& prompt, std::string_view text) {
  if (text.empty()) return;
  if (prompt.empty() || prompt.back().marker) prompt.push_back({});
  prompt.back().text += text;
}

void add_marker(PromptText& prompt, std::string_view text) {
  prompt.push_back({std::string(text), /*marker=*/true});
}

void add_chat_message(PromptText& prompt, std::string_view role, std::string_view content) {
  add_marker(prompt, kChatStart);
  add_text(prompt, role);
  add_text(prompt, "\n");
  add_text(prompt, content);
  add_marker(prompt, kChatEnd);
  add_text(prompt, "\n");
}

void add_opening(PromptText& prompt, PromptStyle style, std::string_view system) {
  switch (style) {
    case PromptStyle::kAlpaca:
      return add_text(prompt, system.empty() ? kAlpacaOpening : system);
    case PromptStyle::kChatml:
      if (!system.empty()) add_chat_message(prompt, "system", system);
      return;
    case PromptStyle::kPlain:
      add_text(prompt, system);
      if (!system.empty()) add_text(prompt, "\n");
      return;
    case PromptStyle::kPhi3:
      return;
  }
}

void add_request(PromptText& prompt, PromptStyle style, std::string_view instruction,
                 std::string_view input) {
  const std::string_view line = input.empty() ? "" : "\n";
  switch (style) {
    case PromptStyle::kAlpaca:
      add_text(prompt, "\n\n### Instruction:\n");
      add_text(prompt, instruction);
      if (!input.empty()) add_text(prompt, "\n\n### Input:\n");
      return add_text(prompt, input);
    case PromptStyle::kPhi3:
      add_marker(prompt, "<|user|>");
      add_text(prompt, "\n");
      break;
    case PromptStyle::kChatml:
      return add_chat_message(prompt, "user", std::string(instruction).append(line).append(input));
    case PromptStyle::kPlain:
      break;
  }
  add_text(prompt, instruction);
  add_text(prompt, line);
  add_text(prompt, input);
}

void append(PromptText& prompt, const PromptText& more) {
  for (const auto& piece : more) {
    piece.marker ? add_marker(prompt, piece.text) : add_text(prompt, piece.text);
  }
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

PromptText format_prompt(PromptStyle style, const PromptFields& fields) {
  PromptText prompt;
  add_opening(prompt, style, fields.system);
  for (const auto& turn : fields.history) {
    add_request(prompt, style, turn.request, "");
    append(prompt, format_response(style, turn.response));
    if (style != PromptStyle::kAlpaca) add_text(prompt, "\n");
  }
  add_request(prompt, style, fields.instruction, fields.input);
  return prompt;
}

PromptText response_opening(PromptStyle style) {
  PromptText opening;
  switch (style) {
    case PromptStyle::kAlpaca:
      add_text(opening, "\n\n### Response:\n");
      break;
    case PromptStyle::kPhi3:
      add_text(opening, "\n");
      add_marker(opening, "<|assistant|>");
      add_text(opening, ":\n");
      break;
    case PromptStyle::kChatml:
      add_marker(opening, kChatStart);
      add_text(opening, "assistant\n");
      break;
    case PromptStyle::kPlain:
      add_text(opening, "\n");
      break;
  }
  return opening;
}

PromptText format_response(PromptStyle style, std::string_view output) {
  auto response = response_opening(style);
  add_text(response, output);
  if (!stop_marker(style).empty()) add_marker(response, stop_marker(style));
  return response;
}

std::string extract_response(PromptStyle style, std::string_view generated) {
  const std::string opening = to_string(response_opening(style));
  const std::string_view head = trimmed(opening), stop = stop_marker(style);
  auto text = trimmed(generated);
  if (!head.empty() && text.starts_with(head)) text.remove_prefix(head.size());
  if (!stop.empty()) text = text.substr(0, text.find(stop));
  return std::string(trimmed(text));
}

std::string_view stop_marker(PromptStyle style) {
  return style == PromptStyle::kChatml ? kChatEnd : std::string_view();
}

PromptText operator+(PromptText a, const PromptText& b) {
  append(a, b);
  return a;
}

std::string to_string(const PromptText& text) {
  std::string joined;
  for (const auto& piece : text) joined += piece.text;
  return joined;
}

std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, const PromptText& text) {
  std::vector<TokenId> ids;
  std::string pending;
  for (const auto& piece : text) {
    const auto id = piece.marker ? tokenizer.special_id(piece.text) : std::nullopt;
    if (!id) {
      pending += piece.text;
      continue;
    }
    tokenizer.encode_append(pending, ids);
    pending.clear();
    ids.push_back(*id);
  }
  tokenizer.encode_append(pending, ids);
  return ids;
}

}  // namespace gptkit
