#pragma once
// The templated half of config.h: walks visit_fields to assign and to print. Include config.h.

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "base/config/config.h"
#include "base/error.h"

namespace gptkit {
namespace config_detail {

/// Bytes of the well-formed UTF-8 character at the beginning of `text`; 0 if there is none.
std::size_t character_size(std::string_view text);
/// Appends the character U+10FF00 + byte, which stands for the byte.
void hide_byte(std::string& out, char byte);
/// The text with every byte that is not UTF-8 hidden, and the inverse. What is hidden already is
/// hidden once more unless `again` is false.
std::string hide_bytes(std::string_view text, bool again = true);
std::string shown_bytes(std::string_view text);

/// The untemplated half of the binder; every one fails naming origin, key, found and expected.
bool to_bool(const ConfigNode& node, const std::string& key);
std::int64_t to_int(const ConfigNode& node, const std::string& key);
double to_double(const ConfigNode& node, const std::string& key);
std::string to_text(const ConfigNode& node, const std::string& key);
std::filesystem::path to_path(const ConfigNode& node, const std::string& key);
NameOrPath to_name_or_path(const ConfigNode& node, const std::string& key);
[[noreturn]] void fail_choice(const ConfigNode& node, const std::string& key,
                              const std::vector<std::string>& choices);
[[noreturn]] void fail_section(const ConfigNode& node, const std::string& key,
                               const std::vector<std::string>& known);
[[noreturn]] void fail_integer_range(const ConfigNode& node, const std::string& key);
/// Fails for the first member that is not a known key: "did you mean", and which program or
/// section uses it when another one does.
void check_known(const ConfigNode& map, const std::string& section,
                 const std::vector<std::string>& known);
/// The section with the new names of its renamed keys. Fails for an old name unless the value is
/// from a stored config.
ConfigNode with_new_keys(const ConfigNode& map, const std::string& section,
                         std::span<const RenamedKey> renamed);

/// The list as a section with these keys. Fails, naming them, unless it is from a stored config.
ConfigNode with_named_items(const ConfigNode& list, const std::string& section,
                            std::span<const std::string_view> names);

inline std::string join_key(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}
std::string item_key(const std::string& key, std::size_t index);  // "sources[2]"

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
concept Scalar = std::integral<T> || std::floating_point<T> || std::is_enum_v<T> ||
    std::same_as<T, std::string> || std::same_as<T, std::filesystem::path> ||
    std::same_as<T, NameOrPath>;

/// What an optional field holds, or its type's own default.
template <class T>
T value_or_default(const T& field) {
  return field;
}
template <class T>
T value_or_default(const std::optional<T>& field) {
  return field.value_or(T{});
}

template <class Section>
concept HasShorthand = requires {
  Section::kShorthand;
};

template <class Section>
concept HasRenamedKeys = requires {
  Section::kRenamedKeys;
};

template <class Section>
concept HasFormerList = requires {
  Section::kFormerList;
};

template <class Section>
std::vector<std::string> field_names(Section& section) {
  std::vector<std::string> names;
  visit_fields(section, [&](const char* name, auto&&...) { names.emplace_back(name); });
  return names;
}

template <Scalar T>
T to_scalar(const ConfigNode& node, const std::string& key) {
  if constexpr (std::same_as<T, bool>) {
    return to_bool(node, key);
  } else if constexpr (std::integral<T>) {
    const std::int64_t value = to_int(node, key);
    if (!std::in_range<T>(value)) fail_integer_range(node, key);
    return static_cast<T>(value);
  } else if constexpr (std::floating_point<T>) {
    return static_cast<T>(to_double(node, key));
  } else if constexpr (std::same_as<T, std::string>) {
    return to_text(node, key);
  } else if constexpr (std::same_as<T, std::filesystem::path>) {
    return to_path(node, key);
  } else if constexpr (std::same_as<T, NameOrPath>) {
    return to_name_or_path(node, key);
  } else {
    std::vector<std::string> choices;
    for (const auto& [text, value] : enum_names(T{})) {
      if (node.kind == ConfigNode::Kind::kScalar && node.scalar == text) return value;
      choices.emplace_back(text);
    }
    fail_choice(node, key, choices);
  }
}

template <class Field>
void bind_field(Field& field, const ConfigNode& node, const std::string& key,
                ConfigOrigins& origins) {
  if constexpr (!Scalar<Field> && !IsVector<Field>::value && !IsOptional<Field>::value) {
    bind_config(field, node, key, origins);
  } else {
    if (node.kind == ConfigNode::Kind::kNull) {  // the default stays
      if (node.stored) origins[key] = node.origin;
      return;
    }
    if constexpr (IsVector<Field>::value) {
      const bool list = node.kind == ConfigNode::Kind::kList;
      const std::vector<ConfigNode> one = list ? std::vector<ConfigNode>() : std::vector{node};
      const auto& items = list ? node.items : one;
      field.clear();
      for (std::size_t i = 0; i < items.size(); ++i) {
        if constexpr (Scalar<typename Field::value_type>) {
          const std::string name = list ? item_key(key, i) : key;
          field.push_back(to_scalar<typename Field::value_type>(items[i], name));
        } else {
          bind_config(field.emplace_back(), items[i], item_key(key, i), origins);
        }
      }
    } else if constexpr (IsOptional<Field>::value) {
      field = to_scalar<typename Field::value_type>(node, key);
    } else {
      field = to_scalar<Field>(node, key);
    }
    origins[key] = node.origin;
  }
}

/// How each kind of value looks in YAML. Paths are made absolute.
std::string yaml_value(bool value);
std::string yaml_value(std::int64_t value);
std::string yaml_value(double value);
std::string yaml_value(const std::string& value);
std::string yaml_value(const std::filesystem::path& value);
std::string yaml_value(const NameOrPath& value);

template <Scalar T>
std::string scalar_to_yaml(const T& value) {
  if constexpr (std::is_enum_v<T>) {
    for (const auto& [text, named] : enum_names(value)) {
      if (named == value) return yaml_value(std::string(text));
    }
    return yaml_value(std::string());
  } else if constexpr (std::integral<T> && !std::same_as<T, bool>) {
    return yaml_value(static_cast<std::int64_t>(value));
  } else if constexpr (std::floating_point<T>) {
    return yaml_value(static_cast<double>(value));
  } else {
    return yaml_value(value);
  }
}

/// Gathers the lines of a document.
class YamlWriter {
 public:
  YamlWriter(const ConfigOrigins* origins, bool with_help)
      : origins_(origins), with_help_(with_help) {}
  /// Writes only the values that have an origin, and no comments.
  static YamlWriter of_set_values(const ConfigOrigins& origins) {
    YamlWriter writer(nullptr, false);
    writer.only_ = &origins;
    return writer;
  }

  template <class Section>
  void section(Section& config, const std::string& prefix, int indent) {
    visit_fields(config, [&](const char* name, auto& field, const char* help) {
      this->field(name, field, help, join_key(prefix, name), indent);
    });
  }

  std::string take() { return std::move(out_); }

 private:
  template <class Field>
  void field(const std::string& name, Field& field, const char* help, const std::string& key,
             int indent) {
    constexpr bool is_section =
        !Scalar<Field> && !IsOptional<Field>::value && !IsVector<Field>::value;
    if (only_ && !is_section && !only_->contains(key)) return;
    if constexpr (Scalar<Field>) {
      line(indent, name + ": " + scalar_to_yaml(field), key, help);
    } else if constexpr (IsOptional<Field>::value) {
      line(indent, name + ": " + (field ? scalar_to_yaml(*field) : "null"), key, help);
    } else if constexpr (!IsVector<Field>::value) {
      if (field_names(field).empty()) return;
      line(indent, name + ":", key, help);
      section(field, key, indent + 2);
    } else if constexpr (Scalar<typename Field::value_type>) {
      std::vector<std::string> items;
      for (const auto& item : field) items.push_back(scalar_to_yaml(item));
      list(indent, name, items, key, help);
    } else {
      line(indent, name + (field.empty() ? ": []" : ":"), key, help);
      for (std::size_t i = 0; i < field.size(); ++i) {
        const std::size_t begin = out_.size();
        section(field[i], item_key(key, i), indent + 4);
        if (begin < out_.size()) out_[begin + static_cast<std::size_t>(indent) + 2] = '-';
      }
    }
  }

  void line(int indent, const std::string& text, const std::string& key, const char* help);
  void list(int indent, const std::string& name, const std::vector<std::string>& items,
            const std::string& key, const char* help);

  const ConfigOrigins* origins_;
  const ConfigOrigins* only_ = nullptr;
  bool with_help_;
  std::string out_;
};

}  // namespace config_detail

template <class Section>
void bind_config(Section& config, const ConfigNode& node, const std::string& prefix,
                 ConfigOrigins& origins) {
  const auto bind_member = [&](const std::string& name, const ConfigNode& member) {
    visit_fields(config, [&](const char* field_name, auto& field, auto&&...) {
      if (name != field_name) return;
      config_detail::bind_field(field, member, config_detail::join_key(prefix, name), origins);
    });
  };
  const auto bind_bare = [&](const ConfigNode& bare) {
    if constexpr (config_detail::HasShorthand<Section>) {
      bind_member(Section::kShorthand, bare);
    } else if constexpr (config_detail::HasFormerList<Section>) {
      if (bare.kind != ConfigNode::Kind::kList) {
        config_detail::fail_section(bare, prefix, config_detail::field_names(config));
      }
      const auto named = config_detail::with_named_items(bare, prefix, Section::kFormerList);
      for (const auto& [name, member] : named.members) bind_member(name, member);
    } else {
      config_detail::fail_section(bare, prefix, config_detail::field_names(config));
    }
  };

  if (node.kind == ConfigNode::Kind::kNull) return;
  if (node.kind != ConfigNode::Kind::kMap) return bind_bare(node);
  const auto bind_map = [&](const ConfigNode& map) {
    config_detail::check_known(map, prefix, config_detail::field_names(config));
    for (const auto& [name, member] : map.members) {
      name.empty() ? bind_bare(member) : bind_member(name, member);
    }
  };
  if constexpr (config_detail::HasRenamedKeys<Section>) {
    bind_map(config_detail::with_new_keys(node, prefix, Section::kRenamedKeys));
  } else {
    bind_map(node);
  }
}

template <class Config>
std::string config_to_yaml(const Config& config, const ConfigOrigins* origins, bool with_help) {
  Config copy = config;  // visit_fields takes a mutable reference
  config_detail::YamlWriter writer(origins, with_help);
  writer.section(copy, "", 0);
  return writer.take();
}

template <class Config>
std::string restated_config(const std::filesystem::path& stored) {
  Config config;
  const auto origins = load_config(config, {.files = {stored}, .overrides = {}, .stored = stored});
  auto writer = config_detail::YamlWriter::of_set_values(origins);
  writer.section(config, "", 0);
  return writer.take();
}

}  // namespace gptkit
