#include "base/config/known_keys.h"

#include <algorithm>
#include <mutex>
#include <set>

#include "base/error.h"
#include "base/log.h"

namespace gptkit {

namespace {

std::string quoted(const Json& value) {
  if (value.is_string()) return "'" + printable(value.get<std::string>()) + "'";
  return printable(dump_json(value), 60);
}

std::string alternatives(const Json& values) {
  std::string text;
  for (size_t i = 0; i < values.size(); ++i) {
    if (i > 0) text += i + 1 == values.size() ? " or " : ", ";
    text += values[i].is_string() ? values[i].get<std::string>() : dump_json(values[i]);
  }
  return text;
}

}  // namespace

const KeyRule* find_rule(std::span<const KeyRule> rules, std::string_view key) {
  const auto found = std::find_if(rules.begin(), rules.end(),
                                  [&](const KeyRule& rule) { return rule.key == key; });
  return found == rules.end() ? nullptr : &*found;
}

std::string refusal(const KeyRule& rule, const Json& value) {
  if (rule.use != KeyUse::kRefused || value.is_null()) return {};
  const auto accepted = rule.accepted.empty() ? Json::array() : Json::parse(rule.accepted);
  if (std::find(accepted.begin(), accepted.end(), value) != accepted.end()) return {};
  std::string text = concat(rule.key, " ", quoted(value), " is not supported");
  if (!accepted.empty()) text += "; expected " + alternatives(accepted);
  return rule.why.empty() ? text : concat(text, " (", rule.why, ")");
}

std::vector<std::string> unknown_keys(const Json& object, std::span<const KeyRule> rules) {
  std::vector<std::string> unknown;
  for (const auto& [key, value] : object.items()) {
    if (!find_rule(rules, key)) unknown.push_back(key);
  }
  return unknown;
}

void warn_of_unknown_keys(const std::vector<std::string>& keys, const std::string& where) {
  if (keys.empty()) return;
  std::string names;
  for (const auto& key : keys) names += (names.empty() ? "'" : ", '") + printable(key, 60) + "'";
  const auto text =
      concat(where, ": ", keys.size() == 1 ? "the key " : "the keys ", printable(names, 400),
             keys.size() == 1 ? " is" : " are", " not known and not read");
  // A file may be opened more than once.
  static std::mutex mutex;
  static std::set<std::string> told;
  const std::lock_guard lock(mutex);
  if (told.insert(text).second) log_warning(text);
}

void check_keys(const Json& object, std::span<const KeyRule> rules, const std::string& where) {
  for (const auto& [key, value] : object.items()) {
    const auto* const rule = find_rule(rules, key);
    const auto problem = rule ? refusal(*rule, value) : std::string();
    require(problem.empty(), where, ": ", problem);
  }
  warn_of_unknown_keys(unknown_keys(object, rules), where);
}

}  // namespace gptkit
