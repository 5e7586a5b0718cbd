#include "base/error.h"

#include "support/support.h"

namespace gptkit::test {
namespace {

/// The key of the error that `body` throws.
template <class Body>
std::string key_of(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.key();
  }
  return "no error";
}

TEST(Error, CarriesTheFirstKeyOfItsMessage) {
  EXPECT_EQ(key_of([] { fail(Key{"top_k"}, ": ", -1, "; see ", Key{"top_p"}); }), "top_k");
  EXPECT_EQ(key_of([] { require(false, "no text; give ", Key{"prompt"}); }), "prompt");
  EXPECT_EQ(key_of([] { fail_runtime("only 2; give ", Key{"threads"}); }), "threads");
  EXPECT_EQ(key_of([] { fail("model.gguf: cut short"); }), "");
}

TEST(Error, SetsKeysOffFromTheWordsAround) {
  expect_error([] { fail(Key{"top_k"}, ": ", -1, " is out of range"); },
               "`top_k`: -1 is out of range");
  expect_error([] { fail("name one with ", Key{"data.train", "FILE"}); }, "`data.train=FILE`");
}

TEST(Error, KeepsItsKindAndExitCode) {
  EXPECT_EQ(Error(Error::Kind::kInput, "", "seed").exit_code(), 2);
  EXPECT_EQ(Error(Error::Kind::kRuntime, "", "seed").exit_code(), 1);
  EXPECT_EQ(Error(Error::Kind::kRuntime, "", "seed").key(), "seed");
}

}  // namespace
}  // namespace gptkit::test
