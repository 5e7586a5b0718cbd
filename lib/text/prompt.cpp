#include "text/prompt.h"

#include <algorithm>
#include <cctype>

#include "text/unicode.h"

namespace gptkit {

namespace {

constexpr std::string_view kAlpacaOpening =
    "Below is an instruction that describes a task. "
    "Write a response that appropriately completes the request.";
constexpr std::string_view kLlama31Opening =
    "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";
constexpr std::string_view kChatStart = "<|im_start|>", kChatEnd = "<|im_end|>";
constexpr std::string_view kHeaderStart = "<|start_header_id|>", kHeaderEnd = "<|end_header_id|>";
constexpr std::string_view kTurnEnd = "<|eot_id|>";
constexpr std::string_view kTextStart = "<s>", kTextEnd = "</s>";
constexpr std::string_view kUser = "<|user|>", kSystem = "<|system|>", kAssistant = "<|assistant|>";
constexpr std::string_view kRequestStart = "[INST]", kRequestEnd = "[/INST]";

constexpr std::array kMarkers = {kChatStart, kChatEnd,   kHeaderStart,  kHeaderEnd,
                                 kTurnEnd,   kTextStart, kTextEnd,      kUser,
                                 kSystem,    kAssistant, kRequestStart, kRequestEnd};

/// Appends text, joining it to a piece of text before it.
void add_text(PromptText& prompt, std::string_view text) {
  if (text.empty()) return;
  if (prompt.empty() || prompt.back().marker) prompt.push_back({});
  prompt.back().text += text;
}

void add_marker(PromptText& prompt, std::string_view text) {
  prompt.push_back({std::string(text), /*marker=*/true});
}

/// Python's str.strip: Unicode's white space and the four separators U+001C to U+001F.
std::string_view stripped(std::string_view text) {
  const auto blank = [](const Utf8Char& c) {
    return c.valid &&
           (char_class(c.code) == CharClass::kSpace || (c.code >= 0x1C && c.code < 0x20));
  };
  std::size_t begin = 0, end = 0;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = decode_utf8(text, at);
    at += c.bytes;
    if (!blank(c)) {
      end = at;
    } else if (end == 0) {
      begin = at;
    }
  }
  return end == 0 ? std::string_view() : text.substr(begin, end - begin);
}

/// Opens a message: "<|im_start|>user\n", "<|start_header_id|>user<|end_header_id|>\n\n".
void add_role(PromptText& prompt, PromptStyle style, std::string_view role) {
  const bool chatml = style == PromptStyle::kChatml;
  add_marker(prompt, chatml ? kChatStart : kHeaderStart);
  add_text(prompt, role);
  if (!chatml) add_marker(prompt, kHeaderEnd);
  add_text(prompt, chatml ? "\n" : "\n\n");
}

void add_message(PromptText& prompt, PromptStyle style, std::string_view role,
                 std::string_view content) {
  add_role(prompt, style, role);
  add_text(prompt, content);
  add_marker(prompt, stop_marker(style));
  if (style == PromptStyle::kChatml) add_text(prompt, "\n");
}

void add_zephyr_message(PromptText& prompt, std::string_view role, std::string_view content) {
  add_marker(prompt, role);
  add_text(prompt, "\n");
  add_text(prompt, content);
  add_marker(prompt, kTextEnd);
  add_text(prompt, "\n");
}

void add_opening(PromptText& prompt, PromptStyle style, std::string_view system) {
  switch (style) {
    case PromptStyle::kAlpaca:
      return add_text(prompt, system.empty() ? kAlpacaOpening : system);
    case PromptStyle::kChatml:
      if (!system.empty()) add_message(prompt, style, "system", system);
      return;
    case PromptStyle::kLlama3:
      if (!system.empty()) add_message(prompt, style, "system", stripped(system));
      return;
    case PromptStyle::kLlama31:
      return add_message(prompt, style, "system",
                         std::string(kLlama31Opening).append(stripped(system)));
    case PromptStyle::kZephyr:
      if (!system.empty()) add_zephyr_message(prompt, kSystem, system);
      return;
    case PromptStyle::kPlain:
      add_text(prompt, system);
      if (!system.empty()) add_text(prompt, "\n");
      return;
    case PromptStyle::kLlama2:  // these have their place in the first request
    case PromptStyle::kMistral:
    case PromptStyle::kPhi3:  // no place
      return;
  }
}

void add_bracketed(PromptText& prompt, std::string_view content) {
  add_marker(prompt, kRequestStart);
  add_text(prompt, std::string(" ").append(content).append(" "));
  add_marker(prompt, kRequestEnd);
}

/// The first request of these styles has the system words in front.
std::string with_system(PromptStyle style, std::string_view system, std::string_view request) {
  if (system.empty()) return std::string(request);
  std::string text;
  if (style == PromptStyle::kLlama2) {
    text.append("<<SYS>>\n").append(system).append("\n<</SYS>>\n\n");
  } else if (style == PromptStyle::kMistral) {
    text.append(system).append("\n\n");
  }
  return text.append(request);
}

void add_alpaca_request(PromptText& prompt, std::string_view instruction, std::string_view input) {
  add_text(prompt, "\n\n### Instruction:\n");
  add_text(prompt, instruction);
  if (!input.empty()) add_text(prompt, "\n\n### Input:\n");
  add_text(prompt, input);
}

void add_request(PromptText& prompt, PromptStyle style, const std::string& request) {
  switch (style) {
    case PromptStyle::kPhi3:
      add_marker(prompt, kUser);
      return add_text(prompt, "\n" + request);
    case PromptStyle::kChatml:
      return add_message(prompt, style, "user", request);
    case PromptStyle::kLlama3:
    case PromptStyle::kLlama31:
      return add_message(prompt, style, "user", stripped(request));
    case PromptStyle::kLlama2:
      if (!prompt.empty()) add_marker(prompt, kTextStart);
      return add_bracketed(prompt, stripped(request));
    case PromptStyle::kMistral:
      return add_bracketed(prompt, request);
    case PromptStyle::kZephyr:
      return add_zephyr_message(prompt, kUser, request);
    case PromptStyle::kAlpaca:
    case PromptStyle::kPlain:
      return add_text(prompt, request);
  }
}

/// What stands between an answer and the next request.
std::string_view after_answer(PromptStyle style) {
  switch (style) {
    case PromptStyle::kAlpaca:
    case PromptStyle::kLlama2:
    case PromptStyle::kLlama3:
    case PromptStyle::kLlama31:
    case PromptStyle::kMistral:
      return "";
    default:
      return "\n";
  }
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
  std::string_view system = fields.system;
  const auto add = [&](std::string_view instruction, std::string_view input) {
    if (style == PromptStyle::kAlpaca) return add_alpaca_request(prompt, instruction, input);
    std::string request = with_system(style, std::exchange(system, {}), instruction);
    if (!input.empty()) request.append("\n").append(input);
    add_request(prompt, style, request);
  };
  for (const auto& turn : fields.history) {
    add(turn.request, "");
    append(prompt, format_response(style, turn.response));
    add_text(prompt, after_answer(style));
  }
  add(fields.instruction, fields.input);
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
      add_marker(opening, kAssistant);
      add_text(opening, ":\n");
      break;
    case PromptStyle::kChatml:
    case PromptStyle::kLlama3:
    case PromptStyle::kLlama31:
      add_role(opening, style, "assistant");
      break;
    case PromptStyle::kZephyr:
      add_marker(opening, kAssistant);
      add_text(opening, "\n");
      break;
    case PromptStyle::kPlain:
      add_text(opening, "\n");
      break;
    case PromptStyle::kLlama2:
    case PromptStyle::kMistral:
      break;
  }
  return opening;
}

PromptText format_response(PromptStyle style, std::string_view output) {
  auto response = response_opening(style);
  const bool llama2 = style == PromptStyle::kLlama2;
  const bool strips = llama2 || style == PromptStyle::kLlama3 || style == PromptStyle::kLlama31;
  add_text(response, llama2 ? " " : "");
  add_text(response, strips ? stripped(output) : output);
  add_text(response, llama2 ? " " : "");
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

std::string_view built_in_opening(PromptStyle style) {
  if (style == PromptStyle::kAlpaca) return kAlpacaOpening;
  return style == PromptStyle::kLlama31 ? kLlama31Opening : std::string_view();
}

std::string_view stop_marker(PromptStyle style) {
  switch (style) {
    case PromptStyle::kChatml:
      return kChatEnd;
    case PromptStyle::kLlama3:
    case PromptStyle::kLlama31:
      return kTurnEnd;
    case PromptStyle::kLlama2:
    case PromptStyle::kMistral:
    case PromptStyle::kZephyr:
      return kTextEnd;
    case PromptStyle::kAlpaca:
    case PromptStyle::kPhi3:
    case PromptStyle::kPlain:
      break;
  }
  return {};
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

namespace {

/// Encodes text, cut inside each marker that the tokenizer would find in it. Only tokenizers with
/// such tokens pay for it: elsewhere a marker in a text is text, and no cut may change its ids.
void encode_without_markers(const Tokenizer& tokenizer, std::string_view text,
                            std::vector<TokenId>& ids) {
  std::vector<std::string_view> found;
  for (const std::string_view marker : kMarkers) {
    const auto id = tokenizer.special_id(marker);
    if (!id || text.find(marker) == text.npos) continue;
    const auto alone = tokenizer.encode(marker);
    if (std::find(alone.begin(), alone.end(), *id) != alone.end()) found.push_back(marker);
  }
  std::size_t begin = 0;
  for (std::size_t at = 0; !found.empty() && at < text.size(); ++at) {
    const auto here = [&](std::string_view marker) { return text.substr(at).starts_with(marker); };
    if (!std::any_of(found.begin(), found.end(), here)) continue;
    tokenizer.encode_append(text.substr(begin, at + 1 - begin), ids);
    begin = at + 1;
  }
  tokenizer.encode_append(text.substr(begin), ids);
}

}  // namespace

std::vector<TokenId> encode_prompt(const Tokenizer& tokenizer, const PromptText& text) {
  std::vector<TokenId> ids;
  std::string pending;
  for (const auto& piece : text) {
    const auto id = piece.marker ? tokenizer.special_id(piece.text) : std::nullopt;
    if (!id) {
      pending += piece.text;
      continue;
    }
    encode_without_markers(tokenizer, pending, ids);
    pending.clear();
    ids.push_back(*id);
  }
  encode_without_markers(tokenizer, pending, ids);
  return ids;
}

}  // namespace gptkit
