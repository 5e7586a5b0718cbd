#include "chat/template.h"

#include "base/error.h"
#include "chat/jinja/interpreter.h"
#include "chat/jinja/syntax.h"

namespace gptkit {

namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;

using jinja::Dict;
using jinja::Sequence;
using jinja::Value;

/// Depth is limited by base/json.
Value value_of(const Json& json) {
  if (json.is_boolean()) return Value(json.get<bool>());
  if (json.is_number_unsigned()) {
    const auto number = json.get<std::uint64_t>();
    require(number < std::uint64_t{1} << 63, "a template variable has more than 63 bits");
    return Value(static_cast<std::int64_t>(number));
  }
  if (json.is_number_integer()) return Value(json.get<std::int64_t>());
  if (json.is_number_float()) return Value(json.get<double>());
  if (json.is_string()) return Value(json.get_ref<const std::string&>());
  if (json.is_array()) {
    Sequence list;
    for (const auto& item : json) list.items.push_back(value_of(item));
    return Value(std::move(list));
  }
  if (!json.is_object()) return Value();
  Dict dict;
  for (const auto& [key, item] : json.items()) dict.items.emplace_back(Value(key), value_of(item));
  return Value(std::move(dict));
}

Value messages_of(const Conversation& conversation, std::size_t& bytes) {
  Sequence messages;
  for (const auto& message : conversation) {
    Dict dict;
    dict.items.emplace_back(Value("role"), Value(message.role));
    dict.items.emplace_back(Value("content"),
                            Value(TrackedText(message.content, /*written=*/true)));
    bytes += message.content.size();
    messages.items.emplace_back(std::move(dict));
  }
  return Value(std::move(messages));
}

}  // namespace

struct ChatTemplate::Tree {
  jinja::Block block;
};

ChatTemplate::ChatTemplate(std::string source, std::string where)
    : source_(std::move(source)), where_(std::move(where)) {
  require(source_.size() <= kMostBytes, where_, ": the chat template has ", source_.size(),
          " bytes; expected at most ", kMostBytes);
  tree_ = std::make_unique<const Tree>(Tree{jinja::parse_template(source_, where_)});
}

ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate&&) noexcept = default;
ChatTemplate& ChatTemplate::operator=(ChatTemplate&&) noexcept = default;

TrackedText ChatTemplate::render(const Conversation& conversation,
                                 const TemplateInputs& inputs) const {
  std::size_t bytes = 0;
  std::vector<std::pair<std::string, Value>> variables;
  variables.emplace_back("messages", messages_of(conversation, bytes));
  variables.emplace_back("add_generation_prompt", Value(inputs.add_generation_prompt));
  const auto add = [&](const std::string& name, Value value) {
    if (!inputs.variables.contains(name)) variables.emplace_back(name, std::move(value));
  };
  add("tools", Value());
  add("documents", Value());
  for (const auto& [role, text] : inputs.special_tokens) add(role, Value(text));
  for (const auto& [name, value] : inputs.variables.items()) {
    variables.emplace_back(name, value_of(value));
  }
  jinja::Interpreter interpreter(where_, bytes);
  return interpreter.run(tree_->block, std::move(variables));
}

}  // namespace gptkit
