#pragma once
// The programs behind the one name gptkit, and where they lie: in libexec/gptkit when installed,
// beside gptkit in a build tree.

#include <string>
#include <vector>

namespace gptkit {

struct InstalledProgram {
  std::string name;
  std::string line;  // what it does
};

/// All programs, in the order in which a newcomer needs them.
const std::vector<InstalledProgram>& all_programs();
/// Those that are installed: without LibTorch there are fewer.
std::vector<InstalledProgram> installed_programs();

/// Replaces this process by the program, which is then called "gptkit NAME". Fails when it cannot.
[[noreturn]] void become_program(const std::string& name, std::vector<std::string> arguments);

/// What the program prints on standard output. Fails unless it ends well.
std::string output_of_program(const std::string& name, const std::string& arguments);

}  // namespace gptkit
