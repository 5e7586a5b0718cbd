#include "tasks/generate/stored_generation.h"

#include "base/error.h"
#include "base/log.h"
#include "weights/config_keys.h"

namespace gptkit {

namespace {

/// A setting: its value and its default.
struct Setting {
  const char* key;
  double used, usual;
};

std::vector<Setting> settings_of(const GenerationConfig& used, bool stored_samples) {
  const GenerationConfig usual;
  const bool greedy = used.temperature == 0;
  std::vector<Setting> settings = {
      {"repetition_penalty", used.repetition_penalty, usual.repetition_penalty},
      {"no_repeat_ngram_size", static_cast<double>(used.no_repeat_ngram_size),
       static_cast<double>(usual.no_repeat_ngram_size)}};
  settings.push_back(
      {"num_beams", static_cast<double>(used.num_beams), static_cast<double>(usual.num_beams)});
  if (used.num_beams > 1) {
    settings.push_back({"length_penalty", used.length_penalty, usual.length_penalty});
  }
  if (!greedy || stored_samples) {
    settings.push_back({"temperature", used.temperature, usual.temperature});
  }
  if (greedy) return settings;  // the rest is about sampling
  settings.push_back({"top_k", static_cast<double>(used.top_k), static_cast<double>(usual.top_k)});
  settings.push_back({"top_p", used.top_p, usual.top_p});
  settings.push_back({"min_p", used.min_p, usual.min_p});
  settings.push_back({"typical_p", used.typical_p, usual.typical_p});
  return settings;
}

/// The stored early_stopping if beams are used without it; else empty. It is true, false or
/// "never".
std::string early_stopping_left_out(const Json& stored, const GenerationConfig& used) {
  const auto found = stored.find("early_stopping");
  const bool usual = used.early_stopping == GenerationConfig().early_stopping;
  if (used.num_beams == 1 || found == stored.end() || !usual || *found == false) return {};
  const auto wanted = found->is_string() ? found->get<std::string>() : found->dump();
  return concat("early_stopping ", printable(wanted), " is not used (false is; give ",
                Key{"early_stopping"}, " ", printable(wanted), ")");
}

}  // namespace

std::string settings_left_out(const Json& stored, const GenerationConfig& used) {
  std::string text;
  const auto add = [&](const std::string& part) { text += (text.empty() ? "" : "; ") + part; };
  for (const auto& [key, value] : stored.items()) {
    const auto* const rule = find_rule(generation_key_rules(), key);
    const auto problem = rule ? refusal(*rule, value) : std::string();
    if (!problem.empty()) add(problem);
  }
  const auto samples = stored.find("do_sample");
  const bool stored_samples = samples != stored.end() && *samples == true;
  for (const auto& [key, value, usual] : settings_of(used, stored_samples)) {
    const auto found = stored.find(key);
    if (found == stored.end() || !found->is_number() || value != usual) continue;
    if (const auto wanted = found->get<double>(); wanted != value) {
      add(concat(key, " ", wanted, " is not used (", value, " is; give ", Key{key}, " ", wanted,
                 ")"));
    }
  }
  if (const auto part = early_stopping_left_out(stored, used); !part.empty()) add(part);
  return text;
}

void warn_of_settings_left_out(const fs::path& folder, const GenerationConfig& used) {
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
