#include "tasks/generate/stored_generation.h"

#include "base/error.h"
#include "base/log.h"
#include "weights/config_keys.h"

namespace gptkit {

namespace {

/// A sampling option: what is used, and what is used when nobody says anything.
struct Option {
  const char* key;
  const char* name;
  double used, usual;
};

std::vector<Option> options_of(const GenerateConfig& used) {
  const GenerateConfig usual;
  std::vector<Option> options = {{"repetition_penalty", "--repetition-penalty",
                                  used.repetition_penalty, usual.repetition_penalty}};
  if (used.temperature == 0) return options;  // the rest chooses among tokens by chance
  options.insert(
      options.end(),
      {{"temperature", "--temperature", used.temperature, usual.temperature},
       {"top_k", "--top-k", static_cast<double>(used.top_k), static_cast<double>(usual.top_k)},
       {"top_p", "--top-p", used.top_p, usual.top_p},
       {"min_p", "--min-p", used.min_p, usual.min_p}});
  return options;
}

}  // namespace

std::string settings_left_out(const Json& stored, const GenerateConfig& used) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  for (const auto& [key, value] : stored.items()) {
    const auto* const rule = find_rule(generation_key_rules(), key);
    const auto problem = rule ? refusal(*rule, value) : std::string();
    if (!problem.empty()) add(problem);
  }
  for (const auto& [key, name, value, usual] : options_of(used)) {
    const auto found = stored.find(key);
    if (found == stored.end() || !found->is_number() || value != usual) continue;
    if (const auto wanted = found->get<double>(); wanted != value) {
      add(concat(key, " ", wanted, " is not used (", value, " is; give ", name, " ", wanted, ")"));
    }
  }
  return text;
}

void warn_of_settings_left_out(const fs::path& folder, const GenerateConfig& used) {
  const auto file = folder / "generation_config.json";
  if (!is_there(file)) return;
  constexpr uint64_t kMaxBytes = 4 << 20;
  const auto stored = parse_json(read_file(file, kMaxBytes), file.string());
  require(stored.is_object(), file.string(), ": expected a JSON object");
  warn_of_unknown_keys(unknown_keys(stored, generation_key_rules()), file.string());
  const auto left_out = settings_left_out(stored, used);
  if (!left_out.empty()) log_warning(file.string(), ": ", left_out);
}

}  // namespace gptkit
