#pragma once
// Filters of chat templates that work on lists.
// https://jinja.palletsprojects.com/en/stable/templates/#builtin-filters

#include <optional>

#include "chat/jinja/interpreter.h"

namespace gptkit::jinja {

/// Nothing when there is no such filter.
std::optional<Value> list_filter(Interpreter& interpreter, std::string_view name,
                                 const Value& value, Arguments& arguments);

}  // namespace gptkit::jinja
