// Turns a conversation into a prompt with a chat template: a built-in style, and one of your own.
#include <gptkit/chat_template.h>
#include <gptkit/error.h>

#include <iostream>

int main() {
  const gptkit::Conversation conversation = {{"system", "Answer in one sentence."},
                                             {"user", "Why is the sky blue?"}};

  const auto chatml = gptkit::ChatTemplate::built_in("chatml");
  const auto prompt = chatml.render(conversation);
  std::cout << prompt << '\n';

  const gptkit::ChatTemplate own(
      "{% for message in messages %}{{ message.role | upper }}: {{ message.content }}\n"
      "{% endfor %}{% if add_generation_prompt %}ASSISTANT:{% endif %}");
  std::cout << own.render(conversation) << '\n';

  try {
    // A template may refuse a conversation, and one that never ends is stopped.
    gptkit::ChatTemplate("{{ raise_exception('no messages') }}").render({});
    return 1;
  } catch (const gptkit::Error& error) {
    std::cerr << error.what() << '\n';
  }
  return prompt.ends_with("<|im_start|>assistant\n") ? 0 : 1;
}
