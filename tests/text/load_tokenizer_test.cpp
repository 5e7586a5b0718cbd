#include "text_support.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;

/// $GPTKIT_HOME for the length of a test.
class Home {
 public:
  explicit Home(const fs::path& path) {
    if (const char* old = std::getenv("GPTKIT_HOME")) old_ = old;
    setenv("GPTKIT_HOME", path.c_str(), 1);
  }
  ~Home() { old_.empty() ? unsetenv("GPTKIT_HOME") : setenv("GPTKIT_HOME", old_.c_str(), 1); }

 private:
  std::string old_;
};

TEST(LoadTokenizer, FindsGpt2InTheHomeFolder) {
  ScratchFolder home;
  const Home set(home.path());
  expect_error([] { load_tokenizer("gpt2"); }, "setup.sh --tokenizer gpt2");
  fs::create_directory(home / "gpt2");
  expect_error([] { load_tokenizer("gpt2"); }, "setup.sh --tokenizer gpt2");
  write_hugging_face_tokenizer(test::small_model(), home / "gpt2");
  EXPECT_EQ(load_tokenizer("gpt2")->vocab_size(), 262);
}

TEST(LoadTokenizer, OpensWhatSaveWrote) {
  ScratchFolder folder;
  const BpeTokenizer tokenizer(test::small_model());
  tokenizer.save(folder.path());
  const auto again = load_tokenizer(folder.path().string());
  EXPECT_EQ(again->algorithm(), "bpe");
  EXPECT_EQ(again->encode("hello hello"), tokenizer.encode("hello hello"));
}

TEST(LoadTokenizer, SaysWhatWasLookedFor) {
  ScratchFolder folder;
  expect_error([&] { load_tokenizer(folder.path().string()); },
               "expected tokenizer.json, or vocab.json");
  expect_error([&] { load_tokenizer((folder / "nothing").string()); },
               "not found: expected gpt2, a folder");
  write_file_atomic(folder / "text.txt", "hello");
  expect_error([&] { load_tokenizer((folder / "text.txt").string()); }, "not a tokenizer");
}

}  // namespace
}  // namespace gptkit
