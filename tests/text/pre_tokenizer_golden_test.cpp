// The Llama family's pre-tokens and ids against those of Hugging Face's `tokenizers`, by the
// digests of tests/golden/make_pre_tokenizer_golden.py.

#include "base/json.h"
#include "text_support.h"

namespace gptkit {
namespace {

/// The numbers of texts one after another, as the golden digests see them.
class Digest {
 public:
  template <class Append>
  void add(const Append& append) {
    const std::size_t before = numbers_.size();
    append(numbers_);
    count_ += numbers_.size() - before;
    numbers_.push_back(-1);  // ff ff ff ff
  }

  void expect(const Json& want) const {
    EXPECT_EQ(count_, want["numbers"].get<std::size_t>());
    const auto* bytes = reinterpret_cast<const char*>(numbers_.data());
    EXPECT_EQ(sha256_hex({bytes, numbers_.size() * sizeof(std::int32_t)}),
              want["sha256"].get<std::string>());
  }

 private:
  std::vector<std::int32_t> numbers_;
  std::size_t count_ = 0;
};

class PreTokenGolden : public testing::TestWithParam<std::pair<std::string_view, PreTokenPattern>> {
 protected:
  static Json golden() {
    const fs::path path =
        fs::path(GPTKIT_SOURCE_DIR) / "tests" / "golden" / "tokenizer_patterns.json";
    return parse_json(read_file(path), path.string());
  }

  void append_lengths(std::string_view text, std::vector<std::int32_t>& lengths) const {
    with_pretoken_end(GetParam().second, [&](const auto& pretoken_end) {
      for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = pretoken_end(text, begin);
        lengths.push_back(static_cast<std::int32_t>(end - begin));
        begin = end;
      }
    });
  }

  Json all_ = golden();
  Json want_ = all_[std::string(GetParam().first)];
};

std::string around(char32_t code) {
  std::string c;
  append_utf8(c, code);
  std::string text = c;
  for (const char* next : {"a", "b ", "x1", "2!", "\n '", " \n", "", "  "})
    text.append(next).append(c);
  return text;
}

TEST_P(PreTokenGolden, EveryScalarValueIsCutAsInTokenizers) {
  Digest digest;
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xD800 && code < 0xE000) continue;
    if (code >= 0x11DE0 && code < 0x11DEA) continue;  // numbers since Unicode 17, and the next ones
    if (code >= 0x16FF4 && code < 0x16FF7) continue;
    digest.add([&](auto& lengths) { append_lengths(around(code), lengths); });
  }
  digest.expect(want_["pre-tokens around every scalar value of Unicode 16"]);
}

TEST_P(PreTokenGolden, RandomTextsAreCutAsInTokenizers) {
  const auto fragments = all_["fragments"].get<std::vector<std::string>>();
  test::Random random(321);
  Digest digest;
  for (int i = 0; i < 20000; ++i) {
    const std::string text = test::random_text(random, fragments);
    digest.add([&](auto& lengths) { append_lengths(text, lengths); });
  }
  digest.expect(want_["pre-tokens of 20000 random texts, seed 321"]);
}

TEST_P(PreTokenGolden, TextsEncodeAsInTokenizers) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  BpeModel model = test::gpt2_tokenizer(data).model();
  model.pattern = GetParam().second;
  const BpeTokenizer tokenizer(std::move(model));
  const auto fragments = all_["fragments"].get<std::vector<std::string>>();
  test::Random random(321);
  Digest of_random;
  for (int i = 0; i < 20000; ++i) {
    const std::string text = test::random_text(random, fragments);
    of_random.add([&](auto& ids) { tokenizer.encode_append(text, ids); });
  }
  of_random.expect(want_["ids of 20000 random texts, seed 321"]);
  for (const auto& [name, want] : want_["ids of corpora"].items()) {
    SCOPED_TRACE(name);
    const std::string text = read_file(data / name);
    Digest digest;
    digest.add([&](auto& ids) {
      ids = encode_parallel(tokenizer, text, 2);
      EXPECT_EQ(tokenizer.decode(ids), text);
    });
    digest.expect(want);
  }
}

INSTANTIATE_TEST_SUITE_P(Patterns, PreTokenGolden,
                         testing::Values(enum_names(PreTokenPattern{})[1],
                                         enum_names(PreTokenPattern{})[2],
                                         enum_names(PreTokenPattern{})[3]),
                         [](const auto& each) {
                           std::string name(each.param.first);
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace gptkit
