#pragma once
// What several test programs share: errors by message, scratch folders, the shared real data.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/remove_tree.h"

namespace gptkit::test {

namespace fs = std::filesystem;

/// Runs `body` and expects an Error whose message contains `part`.
template <class Body>
void expect_error(Body&& body, const std::string& part) {
  try {
    body();
    ADD_FAILURE() << "expected an error containing: " << part;
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr(part));
    EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("\n"))) << "errors are one line";
  }
}

/// A folder of its own that disappears with the object.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string pattern = (fs::temp_directory_path() / "gptkit-test-XXXXXX").string();
    if (!mkdtemp(pattern.data())) ADD_FAILURE() << "cannot make " << pattern;
    path_ = pattern;
  }
  ~ScratchFolder() { try_remove_tree(path_); }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const fs::path& path() const { return path_; }
  fs::path operator/(const fs::path& name) const { return path_ / name; }

 private:
  fs::path path_;
};

/// The folder of real corpora (GPT-2's tokenizer, the story, the messages ...): $GPTKIT_TEST_DATA,
/// or `shared/data` beside the checkout. Empty when there is none; tests then skip.
inline fs::path real_data() {
  if (const char* set = std::getenv("GPTKIT_TEST_DATA")) return set;
  const fs::path beside = fs::path(GPTKIT_SOURCE_DIR).parent_path() / "shared" / "data";
  return fs::exists(beside) ? beside : fs::path();
}

}  // namespace gptkit::test

/// Skips the running test when the real corpora are absent; else `name` is their folder.
#define GPTKIT_REAL_DATA_OR_SKIP(name)         \
  const auto name = gptkit::test::real_data(); \
  if ((name).empty()) GTEST_SKIP() << "no real data here: set GPTKIT_TEST_DATA"
