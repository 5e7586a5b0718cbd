// Jinja's tests: `value is NAME`.
// https://jinja.palletsprojects.com/en/stable/templates/#builtin-tests

#include <unordered_map>

#include "chat/jinja/interpreter.h"

namespace gptkit::jinja {

namespace {

using Test = bool (*)(Interpreter&, const Value&, Arguments&);

const Value& argument(Interpreter& in, const Arguments& arguments) {
  return Bound(in, "a test", arguments, {"other"}).at("other");
}

template <class Fits>
bool simple(Interpreter& in, const Value& value, const Arguments& arguments, const Fits& fits) {
  const Bound bound(in, "a test", arguments, {});
  return fits(value);
}

/// value % divisor; 2 for what is neither 0 nor 1 (a text's % is a format).
std::int64_t remainder(Interpreter& in, const Value& value, std::int64_t divisor) {
  const Value rest = in.binary("%", value, Value(divisor));
  if (!rest.is_number()) return 2;
  return rest.is_integer() ? rest.integer() : rest.number() == 0 ? 0 : rest.number() == 1 ? 1 : 2;
}

bool is_defined(Interpreter&, const Value& v, Arguments&) { return !v.is_undefined(); }
bool is_undefined(Interpreter&, const Value& v, Arguments&) { return v.is_undefined(); }
bool is_none(Interpreter&, const Value& v, Arguments&) { return v.is_none(); }
bool is_boolean(Interpreter&, const Value& v, Arguments&) { return v.get<bool>() != nullptr; }
bool is_integer(Interpreter&, const Value& v, Arguments&) {
  return v.is_integer() && !v.get<bool>();
}
bool is_float(Interpreter&, const Value& v, Arguments&) { return v.get<double>() != nullptr; }
bool is_number(Interpreter&, const Value& v, Arguments&) { return v.is_number(); }
bool is_string(Interpreter&, const Value& v, Arguments&) { return v.is_text(); }
bool is_mapping(Interpreter&, const Value& v, Arguments&) { return v.dict() != nullptr; }
bool is_callable(Interpreter&, const Value& v, Arguments&) {
  return v.callable() || v.is_undefined();
}
bool is_true(Interpreter&, const Value& v, Arguments&) { return v.get<bool>() && *v.get<bool>(); }
bool is_false(Interpreter&, const Value& v, Arguments&) { return v.get<bool>() && !*v.get<bool>(); }

bool is_iterable(Interpreter&, const Value& v, Arguments&) {
  return v.is_undefined() || v.is_text() || v.dict() || v.sequence() || v.loop();
}
/// What has a length and items.
bool is_sequence(Interpreter&, const Value& v, Arguments&) {
  return v.is_undefined() || v.is_text() || v.dict() ||
         (v.sequence() && v.sequence()->is_indexed());
}

bool is_odd(Interpreter& in, const Value& v, Arguments&) { return remainder(in, v, 2) == 1; }
bool is_even(Interpreter& in, const Value& v, Arguments&) { return remainder(in, v, 2) == 0; }

bool divides(Interpreter& in, const Value& v, Arguments& arguments) {
  const Value rest = in.binary("%", v, argument(in, arguments));
  return rest.is_number() && rest.number() == 0;
}

bool is_lower(Interpreter& in, const Value& v, Arguments&) {
  Arguments none;
  return in.call(in.attribute(Value(in.text_of(v)), "islower"), none).truth();
}
bool is_upper(Interpreter& in, const Value& v, Arguments&) {
  Arguments none;
  return in.call(in.attribute(Value(in.text_of(v)), "isupper"), none).truth();
}

bool is_equal(Interpreter& in, const Value& v, Arguments& a) { return in.same(v, argument(in, a)); }
bool is_unequal(Interpreter& in, const Value& v, Arguments& a) {
  return !in.same(v, argument(in, a));
}
bool is_less(Interpreter& in, const Value& v, Arguments& a) { return in.less(v, argument(in, a)); }
bool is_greater(Interpreter& in, const Value& v, Arguments& a) {
  return in.less(argument(in, a), v);
}
bool is_in(Interpreter& in, const Value& v, Arguments& a) {
  return in.contains(argument(in, a), v);
}

/// Python's `is`, for the values that are one object each.
bool is_same(Interpreter& in, const Value& v, Arguments& a) {
  const Value& other = argument(in, a);
  const auto single = [](const Value& value) { return value.is_none() || value.get<bool>(); };
  if (!single(v) && !single(other)) in.refuse("sameas is supported for true, false and none");
  return type_name(v) == type_name(other) && in.same(v, other);
}

const std::unordered_map<std::string_view, Test>& tests() {
  static const std::unordered_map<std::string_view, Test> all = {{"defined", is_defined},
                                                                 {"undefined", is_undefined},
                                                                 {"none", is_none},
                                                                 {"boolean", is_boolean},
                                                                 {"integer", is_integer},
                                                                 {"float", is_float},
                                                                 {"number", is_number},
                                                                 {"string", is_string},
                                                                 {"mapping", is_mapping},
                                                                 {"callable", is_callable},
                                                                 {"true", is_true},
                                                                 {"false", is_false},
                                                                 {"iterable", is_iterable},
                                                                 {"sequence", is_sequence},
                                                                 {"odd", is_odd},
                                                                 {"even", is_even},
                                                                 {"divisibleby", divides},
                                                                 {"lower", is_lower},
                                                                 {"upper", is_upper},
                                                                 {"equalto", is_equal},
                                                                 {"eq", is_equal},
                                                                 {"==", is_equal},
                                                                 {"ne", is_unequal},
                                                                 {"!=", is_unequal},
                                                                 {"lt", is_less},
                                                                 {"lessthan", is_less},
                                                                 {"<", is_less},
                                                                 {"gt", is_greater},
                                                                 {"greaterthan", is_greater},
                                                                 {">", is_greater},
                                                                 {"in", is_in},
                                                                 {"sameas", is_same}};
  return all;
}

}  // namespace

bool Interpreter::test(std::string_view name, const Value& value, Arguments& arguments) {
  charge(1);
  const auto found = tests().find(name);
  if (found != tests().end()) return found->second(*this, value, arguments);
  const bool at_least = name == "ge" || name == ">=", at_most = name == "le" || name == "<=";
  if (!at_least && !at_most) refuse("the test '", printable(name, 60), "' is not supported");
  return compare(at_least ? ">=" : "<=", value, argument(*this, arguments));
}

}  // namespace gptkit::jinja
