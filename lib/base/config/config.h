#pragma once
// YAML configuration. A config is an aggregate with one
//   template <class V> void visit_fields(Section& c, V&& visit) { visit("name", c.name, "help");
//   ... }
// and this file does the rest: every key known, unique, typed and remembered with its origin.
//
// Field types: bool, int64_t, double, std::string, fs::path (relative to the file that sets it, or
// to the working folder for --set and options), NameOrPath, std::vector<std::string>,
// std::vector<fs::path>, vectors of sections, std::optional of a scalar, enums with an
// `enum_names(E)` found by ADL that returns an array of pairs {text, value}, and nested sections. A
// list field accepts one value as a list of one. A section with `static constexpr const char*
// kShorthand = "field"` accepts a scalar (or list) for itself and puts it into that field (`model:
// gpt2`). A section with `static constexpr std::array kRenamedKeys = {RenamedKey{"old", "new"}}`
// refuses the old key and names the new one. A section that was a list in an earlier version has
// `static constexpr std::array<std::string_view, N> kFormerList`: the keys of the list's items now.
//
// Bytes that are not UTF-8 (a file's name in Latin-1) stand in YAML as the characters U+10FF00 +
// byte, so that a saved config is UTF-8 and gives the same path back.
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

#include "base/error.h"

namespace gptkit {

/// A model or tokenizer given by name (`gpt2`) or by path. A text that names an existing file or
/// folder relative to where it was written becomes that path; so does one with a '/' in it.
struct NameOrPath {
  std::string text;
  bool operator==(const NameOrPath&) const = default;
  bool empty() const { return text.empty(); }
};

/// One `a.b=value`; `origin` is what the person typed it behind ("--set", "--seed"). A value in
/// quotes, a list in [...] and a map in {...} are read as YAML; any other value is a scalar to its
/// last byte.
struct ConfigOverride {
  std::string key, value, origin;
};

/// Precedence: defaults < files in order < overrides in order.
struct ConfigInputs {
  std::vector<std::filesystem::path> files;
  std::vector<ConfigOverride> overrides;
  /// The one of `files` that an earlier version of gptkit may have written: the config.yaml of a
  /// run that is resumed. Its old keys count as the new ones.
  std::filesystem::path stored = {};
};

/// A key of an earlier version and the key that replaces it, both relative to their section. `now`
/// may lead into a section below ("split.train").
struct RenamedKey {
  std::string_view before, now;
};

struct ConfigMember;

/// A merged, untyped YAML value and where it came from.
struct ConfigNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kMap;
  bool quoted = false;                // a quoted scalar is text, never a number
  std::string scalar;                 // kScalar
  std::vector<ConfigNode> items;      // kList
  std::vector<ConfigMember> members;  // kMap
  std::string origin;                 // "pretrain.yaml:12", "--set"
  std::filesystem::path folder;       // what relative paths are relative to
  bool stored = false;                // from ConfigInputs::stored
};

/// A key and its value; no std::pair, of whose incomplete form clang makes no vector.
struct ConfigMember {
  std::string first;
  ConfigNode second;
};

/// Reads and merges. Refuses files over 1 MiB, aliases, tags, merge keys, nesting over 64,
/// duplicate keys (naming both lines), second documents, tabs, NUL and invalid UTF-8.
ConfigNode read_config(const ConfigInputs& inputs);

/// One YAML document as a node. `where` is the file as the person named it (origins then carry the
/// line); `folder` is what its relative paths are relative to.
ConfigNode parse_config(std::string_view yaml, const std::string& where,
                        const std::filesystem::path& folder);

/// Lays `from` over `into`: sections key by key, anything else replaced. Null takes a value back to
/// its default and leaves a section alone. `model: gpt2` and `model: {...}` add up: the bare value
/// waits under the key "" for the field that kShorthand names.
void merge_config(ConfigNode& into, ConfigNode from);

/// Text as one YAML scalar, quoted where it must be: for an override whose value is plain text.
std::string yaml_text(std::string_view text);

/// Key ("train.lr") -> origin, for the keys that were set.
using ConfigOrigins = std::map<std::string, std::string>;

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

/// The error with the place that set its key in front ("pretrain.yaml:12: train.lr: 0 is out of
/// range", "--set: train.lr: ..."). Unchanged if the message does not begin with the key, or if an
/// option of the same name set it.
Error with_origin(const Error& error, const ConfigOrigins& origins);

/// Calls `work`; its errors name the place that set their key.
template <class Work>
auto with_origins(const ConfigOrigins& origins, Work&& work) {
  try {
    return work();
  } catch (const Error& error) {
    throw with_origin(error, origins);
  }
}

/// The config as YAML that load_config reads back to an equal config (absolute paths). With
/// origins, each set value ends in a comment that says where it came from, each other one in its
/// field's help text when `with_help`.
template <class Config>
std::string config_to_yaml(const Config& config, const ConfigOrigins* origins = nullptr,
                           bool with_help = false);

/// A stored config.yaml in the keys and the form of this version; what it does not set is left out.
template <class Config>
std::string restated_config(const std::filesystem::path& stored);

}  // namespace gptkit

#include "base/config/config_binding.h"  // IWYU pragma: export
