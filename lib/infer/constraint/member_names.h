#pragma once
// The names of a JSON text's members so far, of the objects that are still open: an automaton
// cannot remember them, and readers refuse a name that is there twice (base/json.h) or keep only
// one value.

#include <string>
#include <string_view>
#include <vector>

namespace gptkit {

/// Reads the beginning of a JSON text in pieces. Names are compared as they are written.
class MemberNames {
 public:
  void read(std::string_view bytes);

  /// Whether the text would have a name twice in one object with the bytes behind it.
  bool repeats(std::string_view bytes) const;
  /// Whether it would then end inside a name that is there already, so a quote could not follow.
  bool stops_in_known_name(std::string_view bytes) const;

 private:
  struct Scope {
    bool object = false;
    std::vector<std::string> names = {};
  };

  bool read_byte(char byte);
  bool read_in_string(char byte);
  bool close_string();
  bool is_known(std::string_view name) const;

  std::vector<Scope> scopes_;  // arrays and objects, from outside to inside
  std::string name_;           // being read
  bool in_string_ = false, escaped_ = false;
  bool name_next_ = false;  // the next string is a name
  bool in_name_ = false;
};

}  // namespace gptkit
