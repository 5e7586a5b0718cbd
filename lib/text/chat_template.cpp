#include "text/chat_template.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"

namespace gptkit {

namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

/// A text in a template: quoted inside a block, or standing between blocks.
struct Literal {
  std::string text;
  std::string variable;  // X of "set X = 'text'"
};

/// Reads the literals of a Jinja text and nothing else of it.
class LiteralReader {
 public:
  explicit LiteralReader(std::string_view jinja) : jinja_(jinja) {}

  std::vector<Literal> read() {
    while (at_ < jinja_.size()) {
      if (starts("{#")) {
        const auto end = jinja_.find("#}", at_ + 2);
        at_ = end == jinja_.npos ? jinja_.size() : end + 2;
      } else if (starts("{{") || starts("{%")) {
        read_block(jinja_[at_ + 1] == '%' ? "%}" : "}}");
      } else {
        read_plain();
      }
    }
    return std::move(literals_);
  }

 private:
  std::string_view jinja_;
  std::size_t at_ = 0;
  std::vector<Literal> literals_;

  bool starts(std::string_view text) const { return jinja_.substr(at_).starts_with(text); }

  void read_plain() {
    const std::size_t begin = at_;
    while (at_ < jinja_.size() && !starts("{{") && !starts("{%") && !starts("{#")) ++at_;
    literals_.push_back({std::string(jinja_.substr(begin, at_ - begin)), ""});
  }

  void read_block(std::string_view end) {
    std::string last_words[3];  // before a literal: "set", a name, "="
    for (at_ += 2; at_ < jinja_.size() && !starts(end);) {
      const char c = jinja_[at_];
      if (c == '\'' || c == '"') {
        const bool assigned = last_words[0] == "set" && last_words[2] == "=";
        literals_.push_back({quoted(), assigned ? last_words[1] : ""});
        push(last_words, "literal");
      } else if (is_word(c)) {
        const std::size_t begin = at_;
        while (at_ < jinja_.size() && is_word(jinja_[at_])) ++at_;
        push(last_words, std::string(jinja_.substr(begin, at_ - begin)));
      } else {
        if (c == '=' || c == '+' || c == '(') push(last_words, std::string(1, c));
        ++at_;
      }
    }
    at_ = std::min(at_ + end.size(), jinja_.size());
  }

  static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }

  static void push(std::string (&words)[3], std::string word) {
    words[0] = std::move(words[1]);
    words[1] = std::move(words[2]);
    words[2] = std::move(word);
  }

  /// The text in quotes that begins here.
  std::string quoted() {
    const char quote = jinja_[at_];
    std::string text;
    for (++at_; at_ < jinja_.size() && jinja_[at_] != quote; ++at_) {
      if (jinja_[at_] == '\\' && at_ + 1 < jinja_.size()) {
        const char c = jinja_[++at_];
        text += c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
      } else {
        text += jinja_[at_];
      }
    }
    if (at_ < jinja_.size()) ++at_;
    return text;
  }
};

/// What is looked for in a template.
class Telltales {
 public:
  explicit Telltales(std::string_view jinja)
      : jinja_(jinja), literals_(LiteralReader(jinja).read()) {}

  /// Whether a literal holds the text.
  bool has(std::string_view text) const {
    return std::any_of(literals_.begin(), literals_.end(), [&](const Literal& literal) {
      return literal.text.find(text) != std::string::npos;
    });
  }
  /// Whether a literal is the text.
  bool is(std::string_view text) const {
    return std::any_of(literals_.begin(), literals_.end(),
                       [&](const Literal& literal) { return literal.text == text; });
  }
  /// Whether the text stands anywhere, in code too.
  bool mentions(std::string_view text) const { return jinja_.find(text) != jinja_.npos; }

  /// A literal between two texts: "<|im_start|>system\n" ... "<|im_end|>".
  std::string between(std::string_view before, std::string_view after) const {
    for (const Literal& literal : literals_) {
      const auto begin = literal.text.find(before);
      if (begin == std::string::npos) continue;
      const auto from = begin + before.size();
      const auto end = literal.text.find(after, from);
      if (end != std::string::npos && end > from) return literal.text.substr(from, end - from);
    }
    return {};
  }

  /// The literal that a variable like `system_message` begins with.
  std::string system_variable() const {
    for (const Literal& literal : literals_) {
      if (literal.variable.find("system") != std::string::npos && !literal.text.empty()) {
        return literal.text;
      }
    }
    return {};
  }

 private:
  std::string_view jinja_;
  std::vector<Literal> literals_;
};

ChatTemplate chatml(const Telltales& seen) {
  const std::string system = seen.between("<|im_start|>system\n", "<|im_end|>");
  return {PromptStyle::kChatml, system.empty() ? seen.system_variable() : system};
}

ChatTemplate zephyr(const Telltales& seen) {
  const std::string system = seen.between("<|system|>\n", "</s>");
  return {PromptStyle::kZephyr, system.empty() ? seen.system_variable() : system};
}

ChatTemplate llama3(const Telltales& seen) {
  if (seen.has("Cutting Knowledge Date")) return {PromptStyle::kLlama31, seen.system_variable()};
  const std::string system =
      seen.between("<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>");
  return {PromptStyle::kLlama3, system.empty() ? seen.system_variable() : system};
}

/// Templates of old `transformers` say "false == true" where they do not use Llama's own default.
ChatTemplate llama2(const Telltales& seen) {
  return {PromptStyle::kLlama2, seen.mentions("false == true") ? "" : seen.system_variable()};
}

/// The style of a template that is not ours.
std::optional<ChatTemplate> recognized(const Telltales& seen) {
  if (seen.has("<|start_header_id|>") && seen.has("<|eot_id|>")) return llama3(seen);
  if (seen.has("<|im_start|>") && seen.has("<|im_end|>") && !seen.has("<|im_sep|>")) {
    return chatml(seen);
  }
  if (seen.has("[INST]") && seen.has("<<SYS>>")) return llama2(seen);
  // Mistral's later templates have blanks elsewhere, or tools: other tokens.
  const bool later = seen.mentions("[AVAILABLE_TOOLS]") || seen.mentions("[SYSTEM_PROMPT]");
  if (seen.is("[INST] ") && seen.is(" [/INST]") && !seen.is(" ") && !later) {
    return ChatTemplate{PromptStyle::kMistral, seen.system_variable()};
  }
  const bool turns = seen.has("<|user|>\n") && seen.has("<|assistant|>");
  const bool others = seen.has("<|end|>") || seen.has("[gMASK]") || seen.has("<|endoftext|>");
  const bool ended = seen.mentions("eos_token") || seen.has("</s>");
  if (turns && ended && !others) return zephyr(seen);
  return std::nullopt;
}

}  // namespace

ChatTemplate recognize_chat_template(std::string_view jinja, const std::string& where) {
  require(jinja.size() <= kMostBytes, where, ": the chat template has ", jinja.size(),
          " bytes; expected at most ", kMostBytes);
  const Telltales seen(jinja);
  for (const auto& [name, style] : enum_names(PromptStyle{})) {  // our own
    for (const std::string& system : {std::string(), seen.system_variable()}) {
      if (jinja == chat_template_of(style, system)) return {style, system};
    }
  }
  if (auto found = recognized(seen)) return *found;
  std::string known;
  for (const auto& [name, style] : enum_names(PromptStyle{})) {
    known.append(known.empty() ? "" : ", ").append(name);
  }
  fail(where, ": unknown chat template '", printable(jinja, 80), "'; known are the forms of ",
       known, " (of Mistral's only the first, '[INST] ' + request + ' [/INST]')");
}

namespace {

/// The Jinja expressions of a style. `system` and `content` are variables there.
struct Expressions {
  std::string_view system = {};  // written first, when there is a system message
  std::string_view joined = {};  // or put in the place of the first request
  std::string_view user = {}, assistant = {};
  std::string_view generation = {};  // what opens the answer
  bool begins = false;               // with the tokenizer's own first token
  bool always = false;               // the system message is there without words
};

Expressions expressions_of(PromptStyle style) {
  switch (style) {
    case PromptStyle::kAlpaca:
      return {.system = R"(system)",
              .user = R"('\n\n### Instruction:\n' + content)",
              .assistant = R"('\n\n### Response:\n' + content)",
              .generation = R"('\n\n### Response:\n')"};
    case PromptStyle::kPhi3:
      return {.user = R"('<|user|>\n' + content)",
              .assistant = R"('\n<|assistant|>:\n' + content + '\n')",
              .generation = R"('\n<|assistant|>:\n')"};
    case PromptStyle::kChatml:
      return {.system = R"('<|im_start|>system\n' + system + '<|im_end|>\n')",
              .user = R"('<|im_start|>user\n' + content + '<|im_end|>\n')",
              .assistant = R"('<|im_start|>assistant\n' + content + '<|im_end|>\n')",
              .generation = R"('<|im_start|>assistant\n')"};
    case PromptStyle::kLlama2:
      return {.joined = R"('<<SYS>>\n' + system + '\n<</SYS>>\n\n' + content)",
              .user = R"(('' if loop.first else '<s>') + '[INST] ' + content | trim + ' [/INST]')",
              .assistant = R"(' ' + content | trim + ' </s>')",
              .begins = true};
    case PromptStyle::kLlama3:
    case PromptStyle::kLlama31:
      return {.system = style == PromptStyle::kLlama3
                            ? R"('<|start_header_id|>system<|end_header_id|>\n\n' + )"
                              R"(system | trim + '<|eot_id|>')"
                            : R"('<|start_header_id|>system<|end_header_id|>\n\n)"
                              R"(Cutting Knowledge Date: December 2023\n)"
                              R"(Today Date: 26 Jul 2024\n\n' + system | trim + '<|eot_id|>')",
              .user = R"('<|start_header_id|>user<|end_header_id|>\n\n' + )"
                      R"(content | trim + '<|eot_id|>')",
              .assistant = R"('<|start_header_id|>assistant<|end_header_id|>\n\n' + )"
                           R"(content | trim + '<|eot_id|>')",
              .generation = R"('<|start_header_id|>assistant<|end_header_id|>\n\n')",
              .begins = true,
              .always = style == PromptStyle::kLlama31};
    case PromptStyle::kZephyr:
      return {.system = R"('<|system|>\n' + system + '</s>\n')",
              .user = R"('<|user|>\n' + content + '</s>\n')",
              .assistant = R"('<|assistant|>\n' + content + '</s>\n')",
              .generation = R"('<|assistant|>\n')"};
    case PromptStyle::kMistral:
      return {.joined = R"(system + '\n\n' + content)",
              .user = R"('[INST] ' + content + ' [/INST]')",
              .assistant = R"(content + '</s>')",
              .begins = true};
    case PromptStyle::kPlain:
      break;
  }
  return {.system = R"(system + '\n')",
          .user = "content",
          .assistant = R"('\n' + content + '\n')",
          .generation = R"('\n')"};
}

std::string jinja_literal(std::string_view text) {
  std::string literal = "'";
  for (const char c : text) {
    if (c == '\n') {
      literal += "\\n";
    } else {
      if (c == '\'' || c == '\\') literal += '\\';
      literal += c;
    }
  }
  return literal + "'";
}

}  // namespace

std::string chat_template_of(PromptStyle style, const std::string& default_system) {
  const Expressions e = expressions_of(style);
  const bool alpaca = style == PromptStyle::kAlpaca && default_system.empty();
  std::string jinja = "{%- set system = ";
  jinja += jinja_literal(alpaca ? std::string(built_in_opening(style)) : default_system);
  jinja +=
      " %}\n{%- if messages and messages[0]['role'] == 'system' %}"
      "{%- set system = messages[0]['content'] %}{%- set messages = messages[1:] %}{%- endif %}\n";
  // A bos_token that is the eos_token as well (GPT-2's) is not put before texts.
  if (e.begins) {
    jinja += "{%- if bos_token and bos_token != eos_token %}{{- bos_token }}{%- endif %}\n";
  }
  const auto add = [&](std::string_view before, std::string_view expression,
                       std::string_view after) {
    jinja.append(before).append(expression).append(after);
  };
  if (e.always) {
    add("{{- ", e.system, " }}\n");
  } else if (!e.system.empty()) {
    add("{%- if system %}{{- ", e.system, " }}{%- endif %}\n");
  }
  jinja += "{%- for message in messages %}{%- set content = message['content'] %}\n";
  if (!e.joined.empty()) {
    add("{%- if loop.first and system %}{%- set content = ", e.joined, " %}{%- endif %}\n");
  }
  add("{%- if message['role'] == 'user' %}{{- ", e.user, " }}\n");
  add("{%- elif message['role'] == 'assistant' %}{{- ", e.assistant, " }}{%- endif %}\n");
  jinja += "{%- endfor %}";
  if (!e.generation.empty()) {
    add("\n{%- if add_generation_prompt %}{{- ", e.generation, " }}{%- endif %}");
  }
  return jinja;
}

}  // namespace gptkit
