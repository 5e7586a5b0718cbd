// The architecture as a test: every include in lib/ points down the table of lib/README.md.

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

#include "support/support.h"

namespace gptkit {
namespace {

namespace fs = std::filesystem;

const std::map<std::string, std::set<std::string>> kMayInclude = {
    {"base", {}},
    {"text", {"base"}},
    {"formats", {"base"}},
    {"chat", {"text", "base"}},
    {"data", {"text", "base"}},
    {"baselines", {"text", "base"}},
    {"tensors", {"base"}},
    {"kernels", {"tensors", "base"}},
    {"nn", {"kernels", "tensors", "base"}},
    {"models", {"nn", "kernels", "tensors", "base"}},
    {"weights", {"models", "nn", "tensors", "formats", "chat", "text", "base"}},
    {"distributed", {"tensors", "base"}},
    {"train",
     {"distributed", "data", "weights", "models", "nn", "kernels", "tensors", "text", "base"}},
    {"infer", {"weights", "models", "nn", "kernels", "tensors", "chat", "text", "base"}},
    {"eval", {"data", "weights", "models", "nn", "kernels", "tensors", "chat", "text", "base"}},
    {"report", {"eval", "baselines", "text", "base"}},
    {"tasks",
     {"train", "infer", "eval", "report", "baselines", "distributed", "data", "weights", "models",
      "nn", "kernels", "tensors", "formats", "chat", "text", "base"}},
    {"gptkit",
     {"tasks", "infer", "distributed", "weights", "models", "tensors", "chat", "text", "base"}}};

/// Libraries that only one layer may see.
const std::map<std::string, std::string> kOwner = {{"yaml-cpp", "base"},
                                                   {"nlohmann", "base"},
                                                   {"sentencepiece_", "text"},
                                                   {"CLI", "apps"},
                                                   {"torch/csrc/distributed", "distributed"}};

/// Calls check(folder, file, included path) for every include of every source in lib/.
template <class Check>
void for_each_include(Check&& check) {
  const std::regex include(R"re(^\s*#include [<"]([^>"]+)[>"])re");
  const fs::path lib = fs::path(GPTKIT_SOURCE_DIR) / "lib";
  for (const auto& entry : fs::recursive_directory_iterator(lib)) {
    if (!entry.is_regular_file()) continue;
    const std::string folder = fs::relative(entry.path(), lib).begin()->string();
    std::ifstream file(entry.path());
    for (std::string line; std::getline(file, line);) {
      std::smatch match;
      if (std::regex_search(line, match, include)) check(folder, entry.path(), match[1].str());
    }
  }
}

/// The chart engine lies above base alone, so train may draw its plot with it.
constexpr const char* kChart = "report/chart.h";

TEST(Layering, EveryIncludePointsDownwards) {
  int seen = 0;
  for_each_include([&](const std::string& folder, const fs::path& file, const std::string& what) {
    const auto target = what.substr(0, what.find('/'));
    if (!kMayInclude.contains(folder) || !kMayInclude.contains(target) || target == folder) return;
    ++seen;
    if (folder == "train" && what == kChart) return;
    EXPECT_TRUE(kMayInclude.at(folder).contains(target)) << file << " includes " << what;
  });
  EXPECT_GT(seen, 50) << "the test looked at nothing";
}

TEST(Layering, TheChartEngineSeesBaseAlone) {
  int seen = 0;
  for_each_include([&](const std::string&, const fs::path& file, const std::string& what) {
    if (file.stem() != "chart" || what.find('/') == std::string::npos || what == kChart) return;
    ++seen;
    EXPECT_TRUE(what.starts_with("base/")) << file << " includes " << what;
  });
  EXPECT_GT(seen, 0);
}

TEST(Layering, EveryFolderOfTheLibraryIsInTheTable) {
  for (const auto& entry : fs::directory_iterator(fs::path(GPTKIT_SOURCE_DIR) / "lib")) {
    if (!entry.is_directory() || entry.path().filename() == "doc") continue;
    EXPECT_TRUE(kMayInclude.contains(entry.path().filename())) << entry;
  }
}

TEST(Layering, LowerLayersDoNotSeeLibTorch) {
  for_each_include([&](const std::string& folder, const fs::path& file, const std::string& what) {
    const bool torch_free = folder == "base" || folder == "text" || folder == "formats" ||
                            folder == "chat" || folder == "data" || folder == "baselines" ||
                            file.parent_path().filename() == "constraint";
    const bool torch =
        what.starts_with("torch/") || what.starts_with("ATen/") || what.starts_with("c10/");
    EXPECT_FALSE(torch_free && torch) << file << " includes " << what;
  });
}

/// What is installed: it includes the standard library and itself.
TEST(Layering, PublicHeadersIncludeNothingInternal) {
  int seen = 0;
  for_each_include([&](const std::string& folder, const fs::path& file, const std::string& what) {
    const auto inside = file.parent_path().filename() == "inside";
    if (folder != "gptkit" || inside || file.extension() != ".h") return;
    ++seen;
    const bool standard = what.find_first_of("/.") == what.npos;
    EXPECT_TRUE(standard || (what.starts_with("gptkit/") && !what.starts_with("gptkit/inside/")))
        << file << " includes " << what;
  });
  EXPECT_GT(seen, 30);
}

TEST(Layering, OnlyTheDispatchTableSeesVariantsOfKernels) {
  for_each_include([&](const std::string& folder, const fs::path& file, const std::string& what) {
    if (!what.starts_with("kernels/x86/")) return;
    const bool inside = file.parent_path().filename() == "x86";
    EXPECT_TRUE(folder == "kernels" && (inside || file.filename() == "dispatch.cpp"))
        << file << " includes " << what;
  });
}

TEST(Layering, EachLibraryHasOneOwner) {
  for_each_include([&](const std::string& folder, const fs::path& file, const std::string& what) {
    for (const auto& [library, owner] : kOwner) {
      if (!what.starts_with(library)) continue;
      EXPECT_EQ(folder, owner) << file << " includes " << what;
    }
  });
}

}  // namespace
}  // namespace gptkit
