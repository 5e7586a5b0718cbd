#pragma once
// How a model is talked to: conversations -> token ids, and back to answers, by the model's chat
// template.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/encoder.h"
#include "chat/message.h"
#include "chat/template.h"
#include "text/tokenizer.h"

namespace gptkit {

class ChatFormat {
 public:
  /// `special_tokens`: "bos_token" ... and their texts, which the template may name.
  ChatFormat(ChatTemplate chat_template, std::shared_ptr<const Tokenizer> tokenizer,
             std::vector<std::pair<std::string, std::string>> special_tokens);

  const ChatTemplate& chat_template() const { return template_; }

  /// A user's message of an instruction and its input: Alpaca's templates have a heading between
  /// the two, for others they are lines.
  std::string request(const std::string& instruction, const std::string& input) const;

  /// The ids up to where the answer to the last message begins.
  std::vector<TokenId> encode_prompt(const Conversation& conversation) const;

  /// A prompt that was made to fit.
  struct FittedPrompt {
    std::vector<TokenId> ids;
    std::int64_t dropped_turns = 0;   ///< requests, with their answers, from the oldest
    std::int64_t cut_characters = 0;  ///< from the beginning of the last request
  };
  /// The same in not more than `max_tokens`: the oldest turns are dropped, then the last request is
  /// cut at its beginning. The template's own text and the system message stay; fails when they
  /// alone are too long.
  FittedPrompt encode_prompt_within(const Conversation& conversation,
                                    std::int64_t max_tokens) const;

  /// Training text: the conversation with its answer.
  struct Example {
    std::vector<TokenId> ids;
    std::int64_t prompt_tokens = 0;  ///< of the conversation without the answer's turn
  };
  /// White space that the template writes behind the answer is left out.
  Example encode_example(const Conversation& prompt, const std::string& answer) const;

  /// The text that the template writes after an answer: its first special token, or else its first
  /// word; empty if there is none.
  const std::string& end_of_turn() const { return end_of_turn_; }

  /// The answer in generated text: without the opening, the end of the turn and outer white
  /// space.
  std::string answer_of(std::string_view generated) const;

 private:
  ChatTemplate template_;
  std::vector<std::pair<std::string, std::string>> special_tokens_;
  ChatEncoder encoder_;
  std::string end_of_turn_, answer_opening_;

  TrackedText render(const Conversation& conversation, bool add_generation_prompt) const;
  void look_at_answers();
};

}  // namespace gptkit
