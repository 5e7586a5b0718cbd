#include "infer/constraint/json_text.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "base/utf8.h"

namespace gptkit {

namespace {

const CharacterSet& quote_and_backslash() {
  static const CharacterSet set({{'"', '"'}, {'\\', '\\'}});
  return set;
}
const CharacterSet& controls() {
  static const CharacterSet set({{0, 0x1F}});
  return set;
}
/// What stands in a string as itself.
const CharacterSet& plain() {
  static const CharacterSet set = controls().united(quote_and_backslash()).complement();
  return set;
}

constexpr std::pair<char32_t, char> kShortEscapes[] = {
    {'\b', 'b'}, {'\t', 't'}, {'\n', 'n'}, {'\f', 'f'}, {'\r', 'r'}};

/// The escapes that the characters of a set must be written with.
std::vector<std::string> needed_escapes(const CharacterSet& set) {
  constexpr char kHexadecimal[] = "0123456789abcdef";
  std::vector<std::string> escapes;
  for (const char c : {'"', '\\'}) {
    if (set.contains(static_cast<char32_t>(c))) escapes.push_back({'\\', c});
  }
  for (char32_t code = 0; code < 0x20; ++code) {
    if (!set.contains(code)) continue;
    const auto* known = std::find_if(std::begin(kShortEscapes), std::end(kShortEscapes),
                                     [code](const auto& e) { return e.first == code; });
    if (known != std::end(kShortEscapes)) {
      escapes.push_back({'\\', known->second});
    } else {
      escapes.push_back({'\\', 'u', '0', '0', kHexadecimal[code >> 4], kHexadecimal[code & 15]});
    }
  }
  return escapes;
}

std::int64_t power_of_ten(int n) {
  std::int64_t power = 1;
  while (n-- > 0) power *= 10;
  return power;
}

int digits_of(std::int64_t value) { return static_cast<int>(std::to_string(value).size()); }

/// The names as a tree of characters. A child's index is above its parent's.
struct NameTree {
  struct Node {
    std::map<char32_t, std::size_t> children;
    bool ends = false;
  };
  std::vector<Node> nodes{1};

  void add(std::string_view name) {
    std::size_t at = 0;
    for (std::size_t i = 0; i < name.size();) {
      const auto c = decode_utf8(name, i);
      i += c.bytes;
      const auto [child, added] = nodes[at].children.try_emplace(c.code, nodes.size());
      at = child->second;
      if (added) nodes.emplace_back();
    }
    nodes[at].ends = true;
  }
};

}  // namespace

StateId JsonText::any_character(StateId next) {
  // An escape for a character beyond U+FFFF is a pair of surrogates; one alone is refused by
  // readers.
  static const Regex escapes =
      parse_regex(R"(\\(["\\/bfnrt]|u([0-9A-Ca-cEFef][\dA-Fa-f]{3}|[Dd][0-7][\dA-Fa-f]{2}|)"
                  R"([Dd][89ABab][\dA-Fa-f]{2}\\u[Dd][C-Fc-f][\dA-Fa-f]{2})))",
                  "escapes");
  const auto as_itself = [this](const CharacterSet& set, StateId behind) {
    return grammar_.character(set, behind);
  };
  return grammar_.split(
      {grammar_.character(plain(), next), add_whole_match(grammar_, escapes, as_itself, next)});
}

StateId JsonText::character(const CharacterSet& set, StateId next) {
  const auto escapes = needed_escapes(set);
  const auto as_itself = set.within(plain());
  if (escapes.empty()) return grammar_.character(as_itself, next);
  const auto escaped = grammar_.texts(escapes, next);
  if (as_itself.empty()) return escaped;
  return grammar_.split({grammar_.character(as_itself, next), escaped});
}

StateId JsonText::string(StateId next) {
  const auto loop = grammar_.reserve();
  grammar_.resolve(loop, {any_character(loop), grammar_.literal("\"", next)});
  return grammar_.literal("\"", loop);
}

StateId JsonText::string(std::uint32_t least, std::uint32_t most, StateId next) {
  const auto body = any_character(grammar_.end());
  const auto content = grammar_.repeat(body, least, most, grammar_.literal("\"", next));
  return grammar_.literal("\"", content);
}

StateId JsonText::string(const Regex& regex, Match match, StateId next) {
  const auto writer = [this](const CharacterSet& set, StateId behind) {
    return character(set, behind);
  };
  const auto close = grammar_.literal("\"", next);
  const auto content = match == Match::kWhole ? add_whole_match(grammar_, regex, writer, close)
                                              : add_search(grammar_, regex, writer, close);
  return grammar_.literal("\"", content);
}

StateId JsonText::name_other_than(std::span<const std::string> taken, StateId next) {
  NameTree tree;
  for (const auto& name : taken) tree.add(name);
  const auto close = grammar_.literal("\"", next);
  const auto free = grammar_.reserve();
  grammar_.resolve(free, {grammar_.character(plain(), free), close});

  std::vector<StateId> ids(tree.nodes.size());
  for (std::size_t i = tree.nodes.size(); i-- > 0;) {
    const auto& node = tree.nodes[i];
    std::vector<StateId> ways;
    CharacterSet others = plain();
    for (const auto& [code, child] : node.children) {
      const CharacterSet one({{code, code}});
      others = others.without(one);
      if (plain().contains(code)) ways.push_back(grammar_.character(one, ids[child]));
    }
    ways.push_back(grammar_.character(others, free));
    if (!node.ends) ways.push_back(close);
    ids[i] = grammar_.split(std::move(ways));
  }
  return grammar_.literal("\"", ids.front());
}

StateId JsonText::regex(std::string_view pattern, StateId next) {
  const auto as_itself = [this](const CharacterSet& set, StateId behind) {
    return grammar_.character(set, behind);
  };
  return add_whole_match(grammar_, parse_regex(pattern, "numbers"), as_itself, next);
}

StateId JsonText::integer(StateId next) {
  return integer(-kLargestJsonInteger, kLargestJsonInteger, next);
}

StateId JsonText::integer(std::int64_t least, std::int64_t most, StateId next) {
  std::vector<StateId> ways;
  if (most >= 0) ways.push_back(magnitude(std::max<std::int64_t>(least, 0), most, next));
  if (least < 0) {
    const auto smallest = most < 0 ? -most : 1;
    ways.push_back(grammar_.literal("-", magnitude(smallest, -least, next)));
  }
  return grammar_.split(std::move(ways));
}

StateId JsonText::digits(int n, StateId next) {
  for (; n > 0; --n) next = grammar_.bytes({{'0', '9', next}});
  return next;
}

/// Numbers without a sign, from the shortest to the longest.
StateId JsonText::magnitude(std::int64_t least, std::int64_t most, StateId next) {
  std::vector<StateId> ways;
  for (int n = digits_of(least); n <= digits_of(most); ++n) {
    const auto from = std::max(least, n == 1 ? 0 : power_of_ten(n - 1));
    const auto to = std::min(most, power_of_ten(n) - 1);
    ways.push_back(digit_range(std::to_string(from), std::to_string(to), next));
  }
  return grammar_.split(std::move(ways));
}

/// Two numbers of the same length: the first digit decides which bound the others have to keep.
StateId JsonText::digit_range(std::string_view least, std::string_view most, StateId next) {
  if (least.empty()) return next;
  const auto byte = [](char c) { return static_cast<std::uint8_t>(c); };
  const auto n = least.size() - 1;
  const std::string zeros(n, '0'), nines(n, '9');
  const auto rest_least = least.substr(1), rest_most = most.substr(1);
  auto low = byte(least[0]), high = byte(most[0]);
  if (low == high) return grammar_.bytes({{low, low, digit_range(rest_least, rest_most, next)}});
  std::vector<ByteEdge> edges;
  if (rest_least != zeros) {
    edges.push_back({low, low, digit_range(rest_least, nines, next)});
    ++low;
  }
  const bool partly = rest_most != nines;
  if (low < high + (partly ? 0 : 1)) {
    const auto last = static_cast<std::uint8_t>(partly ? high - 1 : high);
    edges.push_back({low, last, digits(static_cast<int>(n), next)});
  }
  if (partly) edges.push_back({high, high, digit_range(zeros, rest_most, next)});
  return grammar_.bytes(std::move(edges));
}

StateId JsonText::number(StateId next) {
  return regex(R"(-?(0|[1-9]\d{0,14})(\.\d{1,15})?([eE][+-]?\d{1,2})?)", next);
}

StateId JsonText::number(const NumberBounds& bounds, StateId next) {
  const auto least = bounds.least.value_or(-kLargestJsonInteger);
  const auto most = bounds.most.value_or(kLargestJsonInteger);
  std::vector<StateId> ways;
  if (most > 0 || (most == 0 && !bounds.below_most && (least < 0 || !bounds.above_least))) {
    // A least bound below zero leaves every number from zero on.
    const NumberBounds positive{std::max<std::int64_t>(least, 0), most,
                                least >= 0 && bounds.above_least, bounds.below_most};
    ways.push_back(decimal_magnitude(positive, next));
  }
  if (least < 0) {
    const NumberBounds negative{std::max<std::int64_t>(-most, 0), -least,
                                most <= 0 && bounds.below_most, bounds.above_least};
    ways.push_back(grammar_.literal("-", decimal_magnitude(negative, next)));
  }
  return grammar_.split(std::move(ways));
}

/// Decimal numbers without a sign between two whole ones.
StateId JsonText::decimal_magnitude(const NumberBounds& bounds, StateId next) {
  const auto least = *bounds.least, most = *bounds.most;
  const auto fraction = regex(R"((\.\d{1,15})?)", next);
  std::vector<StateId> ways;
  if (bounds.above_least && least < most) {
    ways.push_back(grammar_.literal(std::to_string(least), regex(R"(\.\d{0,14}[1-9])", next)));
  }
  const auto whole = bounds.above_least ? least + 1 : least;
  if (whole < most) ways.push_back(magnitude(whole, most - 1, fraction));
  const bool most_itself = !bounds.below_most && (least < most || !bounds.above_least);
  if (most_itself) {
    ways.push_back(grammar_.literal(std::to_string(most), regex(R"((\.0{1,15})?)", next)));
  }
  return grammar_.split(std::move(ways));
}

StateId JsonText::separator(char c, StateId next) {
  const auto blank = grammar_.optional(grammar_.literal(" ", next), next);
  return grammar_.literal(std::string_view(&c, 1), blank);
}

namespace {

/// Years 1000 to 9999; February has 29 days in leap years.
constexpr std::string_view kDate =
    R"([1-9]\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30))"
    R"(|02-(0[1-9]|1\d|2[0-8]))|([1-9]\d(0[48]|[2468][048]|[13579][26]))"
    R"(|([2468][048]|[13579][26])00)-02-29)";
constexpr std::string_view kTime =
    R"(([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d))";
constexpr std::string_view kUuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
constexpr std::string_view kEmail =
    R"([A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*@[A-Za-z0-9]+(-[A-Za-z0-9]+)*(\.[A-Za-z0-9]+(-[A-Za-z0-9]+)*)+)";
constexpr std::string_view kIpv4 =
    R"(((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d))";

}  // namespace

std::string_view format_pattern(std::string_view format) {
  static const std::string date_time = "(" + std::string(kDate) + ")T(" + std::string(kTime) + ")";
  if (format == "date") return kDate;
  if (format == "time") return kTime;
  if (format == "date-time") return date_time;
  if (format == "uuid") return kUuid;
  if (format == "email") return kEmail;
  if (format == "ipv4") return kIpv4;
  return {};
}

std::string_view known_formats() { return "date, time, date-time, uuid, email and ipv4"; }

}  // namespace gptkit
