#include "base/owned_folder.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/descriptor.h"
#include "base/error.h"

namespace gptkit {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// The list's entry for what lies there, or null.
const OwnedName* owner_of(const fs::directory_entry& entry, const OwnedFolder& list) {
  std::error_code code;
  const auto type = entry.symlink_status(code).type();
  auto name = entry.path().filename().string();
  if (is_leftover(name)) name.resize(name.rfind(".tmp-"));
  for (const auto& owned : list.names) {
    const auto expected = owned.folder ? fs::file_type::directory : fs::file_type::regular;
    if (type == expected && fits_pattern(name, owned.name)) return &owned;
  }
  return nullptr;
}

std::vector<fs::directory_entry> entries_of(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) {
    entries.push_back(*it);
  }
  if (code) fail_reading(folder, code.value());
  std::sort(entries.begin(), entries.end());
  return entries;
}

void collect_foreign(const fs::path& folder, const fs::path& below, const OwnedFolder& list,
                     std::vector<std::string>& found) {
  for (const auto& entry : entries_of(folder)) {
    const auto* owned = owner_of(entry, list);
    const auto path = below / entry.path().filename();
    if (!owned) {
      found.push_back(path.string());
    } else if (owned->folder) {
      collect_foreign(entry.path(), path, *owned->folder, found);
    }
  }
}

/// Whether `folder` is `path` or a folder above it.
bool contains(const fs::path& folder, const fs::path& path) {
  std::error_code code;
  for (auto at = fs::canonical(path, code); !code; at = at.parent_path()) {
    if (fs::equivalent(folder, at, code)) return true;
    if (at == at.parent_path()) break;
  }
  return false;
}

std::vector<fs::path> home_folders() {
  std::vector<fs::path> homes;
  if (const char* const home = std::getenv("HOME"); home && *home) homes.emplace_back(home);
  const passwd* const user = ::getpwuid(::getuid());
  if (user && user->pw_dir) homes.emplace_back(user->pw_dir);
  return homes;
}

}  // namespace

bool fits_pattern(std::string_view name, std::string_view pattern) {
  if (pattern.empty()) return name.empty();
  const auto rest = pattern.substr(1);
  if (pattern.front() == '#') {
    if (name.empty() || !is_digit(name.front())) return false;
    return fits_pattern(name.substr(1), rest) || fits_pattern(name.substr(1), pattern);
  }
  if (pattern.front() == '*') {
    return fits_pattern(name, rest) || (!name.empty() && fits_pattern(name.substr(1), pattern));
  }
  return !name.empty() && name.front() == pattern.front() && fits_pattern(name.substr(1), rest);
}

std::vector<std::string> foreign_entries(const fs::path& folder, const OwnedFolder& list) {
  std::vector<std::string> found;
  collect_foreign(folder, {}, list, found);
  return found;
}

std::string first_three(const std::vector<std::string>& entries) {
  const size_t shown = std::min<size_t>(entries.size(), 3);
  std::string text;
  for (size_t i = 0; i < shown; ++i) {
    const bool last = i + 1 == entries.size();
    text += concat(i == 0 ? "" : last ? " and " : ", ", printable(entries[i]));
  }
  if (shown < entries.size()) text += concat(" and ", entries.size() - shown, " more");
  return text;
}

void require_owned(const fs::path& folder, const OwnedFolder& list) {
  std::error_code code;
  require(fs::is_directory(folder, code), shown(folder), " is a file; expected a folder of ",
          list.what);
  const auto entries = entries_of(folder);
  if (entries.empty()) return;
  const auto foreign = foreign_entries(folder, list);
  require(foreign.empty(), shown(folder), " holds files that are not part of ", list.what, ": ",
          first_three(foreign), "; nothing was replaced: name another folder");
  const bool marked = std::any_of(entries.begin(), entries.end(), [&](const auto& entry) {
    const auto name = entry.path().filename().string();
    return std::any_of(list.marks.begin(), list.marks.end(),
                       [&](auto mark) { return fits_pattern(name, mark); });
  });
  require(list.marks.empty() || marked, shown(folder), " holds ",
          printable(entries.front().path().filename().string()), " but not ", list.what,
          "; nothing was replaced: name another folder");
}

void remove_owned(const fs::path& folder, const OwnedFolder& list) {
  for (const auto& entry : entries_of(folder)) {
    const auto* owned = owner_of(entry, list);
    if (!owned) continue;
    if (owned->folder) {
      remove_owned(entry.path(), *owned->folder);
    } else if (::unlink(entry.path().c_str()) != 0 && errno != ENOENT) {
      fail_runtime("cannot remove ", shown(entry.path()), ": ", reason(errno));
    }
  }
  if (::rmdir(folder.c_str()) != 0 && errno != ENOTEMPTY && errno != EEXIST && errno != ENOENT) {
    fail_runtime("cannot remove ", shown(folder), ": ", reason(errno));
  }
}

void require_replaceable_place(const fs::path& folder, const std::vector<fs::path>& inputs) {
  std::error_code code;
  if (!fs::exists(folder, code)) return;
  const auto refuse = [&](const auto&... why) {
    fail(shown(folder), " cannot be replaced: ", why..., "; name another folder");
  };
  const auto working = fs::current_path(code);
  if (!code && contains(folder, working)) refuse("it is or contains the working folder");
  for (const auto& home : home_folders()) {
    if (contains(folder, home)) refuse("it is or contains the home folder");
  }
  for (const auto& input : inputs) {
    if (contains(folder, input)) refuse("the input ", shown(input), " is in it");
  }
}

}  // namespace gptkit
