#pragma once
// One schema of a document: its keywords, each read and checked with its place in the document.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/json.h"

namespace gptkit {

class SchemaKeywords {
 public:
  /// Fails unless `schema` is an object whose keywords are supported or only describe.
  SchemaKeywords(const OrderedJson& schema, std::string place);

  /// Fails with the place ("json_schema: #/properties/age"), then the parts.
  template <class... Parts>
  [[noreturn]] void refuse(const Parts&... parts) const {
    fail(place_, ": ", parts...);
  }

  const OrderedJson* find(std::string_view keyword) const;
  bool has(std::string_view keyword) const { return find(keyword) != nullptr; }
  std::string place(std::string_view keyword) const;

  /// Values by type; absent ones give nothing.
  std::optional<std::string> text(std::string_view keyword) const;
  std::optional<bool> boolean(std::string_view keyword) const;
  std::optional<std::uint32_t> count(std::string_view keyword) const;
  std::optional<double> number(std::string_view keyword) const;
  const OrderedJson& list(std::string_view keyword) const;  // not empty

  /// The types that a value may have: those of `type`, else those that other keywords speak of;
  /// empty for any.
  std::vector<std::string> types() const;
  /// The first keyword that constrains and is not among `others`; empty when there is none.
  std::string constraint_beside(const std::vector<std::string_view>& others) const;

 private:
  std::vector<std::string> named_types() const;

  const OrderedJson& schema_;
  std::string place_;
};

}  // namespace gptkit
