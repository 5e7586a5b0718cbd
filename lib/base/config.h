#pragma once
// YAML configuration. A config is an aggregate with one
//   template <class V> void visit_fields(Section& c, V&& visit) { visit("name", c.name, "help"); ... }
// and this file does the rest: every key known, unique, typed and remembered with its origin.
//
// Field types: bool, int64_t, double, std::string, fs::path (relative to the file that sets it, or
// to the working folder for --set and options), NameOrPath, std::vector<std::string>,
// std::vector<fs::path>, std::optional of a scalar, enums with an `enum_names(E)` found by ADL that
// returns an array of pairs {text, value}, and nested sections. A list field accepts one scalar as
// a list of one. A section with `static constexpr const char* kShorthand = "field"` accepts a
// scalar (or list) for itself and puts it into that field (`model: gpt2`).
//
// Number grammar: integers -?(0|[1-9][0-9]*); reals that with an optional fraction and exponent.
// No octal, hex, underscores, inf or nan. Null means: leave the default.

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace gptkit {

/// A model or tokenizer given by name (`gpt2`) or by path. A text that names an existing file or
/// folder relative to where it was written becomes that path; so does one with a '/' in it.
struct NameOrPath {
  std::string text;
  bool operator==(const NameOrPath&) const = default;
  bool empty() const { return text.empty(); }
};

/// One `a.b=value`; `origin` is what the person typed it behind ("--set", "--seed"), value is YAML.
struct ConfigOverride {
  std::string key, value, origin;
};

/// Precedence: defaults < files in order < overrides in order.
struct ConfigInputs {
  std::vector<std::filesystem::path> files;
  std::vector<ConfigOverride> overrides;
};

/// A merged, untyped YAML value and where it came from.
struct ConfigNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kMap;
  bool quoted = false;                                       // a quoted scalar is text, never a number
  std::string scalar;                                        // kScalar
  std::vector<ConfigNode> items;                             // kList
  std::vector<std::pair<std::string, ConfigNode>> members;   // kMap
  std::string origin;                                        // "pretrain.yaml:12", "--set"
  std::filesystem::path folder;                              // what relative paths are relative to
};

/// Reads and merges. Refuses files over 1 MiB, aliases, tags, merge keys, nesting over 64,
/// duplicate keys (naming both lines), second documents, tabs, NUL and invalid UTF-8.
ConfigNode read_config(const ConfigInputs& inputs);

/// Key ("train.lr") -> origin, for the keys that were set.
using ConfigOrigins = std::map<std::string, std::string>;

namespace config_detail {

/// The untemplated half of the binder; every assign fails naming origin, key, type and value.
bool to_bool(const ConfigNode& node, const std::string& key);
std::int64_t to_int(const ConfigNode& node, const std::string& key);
double to_double(const ConfigNode& node, const std::string& key);
std::string to_text(const ConfigNode& node, const std::string& key);
std::filesystem::path to_path(const ConfigNode& node, const std::string& key);
NameOrPath to_name_or_path(const ConfigNode& node, const std::string& key);
[[noreturn]] void fail_choice(const ConfigNode& node, const std::string& key,
                              const std::vector<std::string>& choices);
/// Fails for the first member that is not a known key: "did you mean", and which program or
/// section uses it when another one does.
void check_known(const ConfigNode& map, const std::string& section,
                 const std::vector<std::string>& known);

}  // namespace config_detail

/// Assigns what `node` sets to the fields of `config`, recursively, and records the origins.
template <class Section>
void bind_config(Section& config, const ConfigNode& node, const std::string& prefix,
                 ConfigOrigins& origins);

/// read_config + bind_config. Validation of ranges is the caller's (each config has validate()).
template <class Config>
ConfigOrigins load_config(Config& config, const ConfigInputs& inputs) {
  ConfigOrigins origins;
  bind_config(config, read_config(inputs), "", origins);
  return origins;
}

/// The config as YAML that load_config reads back to an equal config (absolute paths). With
/// origins, each set value ends in a comment that says where it came from, each other one in its
/// field's help text when `with_help`.
template <class Config>
std::string config_to_yaml(const Config& config, const ConfigOrigins* origins = nullptr,
                           bool with_help = false);

}  // namespace gptkit
