#pragma once
// Which folders a program may replace: those that hold only files that the program itself writes,
// recognised by name. A folder with any other file is never replaced.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace gptkit {

struct OwnedFolder;

/// A file or folder of ours.
struct OwnedName {
  std::string_view name;                ///< '*' stands for any characters, '#' for digits
  const OwnedFolder* folder = nullptr;  ///< what a folder of that name holds; null: it is a file
};

/// All that a folder of one kind may hold.
struct OwnedFolder {
  std::string_view what;  ///< "a model"
  std::vector<OwnedName> names;
  /// A folder of this kind has at least one of these; empty: no file is required.
  std::vector<std::string_view> marks = {};
};

/// Whether a name fits a pattern with '*' and '#'.
bool fits_pattern(std::string_view name, std::string_view pattern);

/// What a folder holds that is not on the list, at any depth: paths below it, sorted. A link is
/// never ours, and what an unfinished output left (NAME.tmp-PID-N) is.
std::vector<std::string> foreign_entries(const std::filesystem::path& folder,
                                         const OwnedFolder& list);
/// "a.txt, b.txt and c.txt", of more than three "a.txt, b.txt, c.txt and 4 more".
std::string first_three(const std::vector<std::string>& entries);

/// Fails unless the folder is empty, or holds what the list says and nothing else.
void require_owned(const std::filesystem::path& folder, const OwnedFolder& list);

/// Removes what is on the list and the folders that this leaves empty, the folder itself included;
/// links are not followed. Fails when something of ours cannot be removed.
void remove_owned(const std::filesystem::path& folder, const OwnedFolder& list);

/// Fails for a folder that must never be replaced: one that is or contains the working folder, the
/// home folder or one of the inputs. Links are resolved first.
/// Inputs that do not exist are ignored.
void require_replaceable_place(const std::filesystem::path& folder,
                               const std::vector<std::filesystem::path>& inputs);

}  // namespace gptkit
