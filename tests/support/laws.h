#pragma once
// Random inputs for tests of laws (RapidCheck): texts as strangers write them. A failing input is
// shrunk before it is shown. ctest fixes the seed; run the test program itself for new inputs.

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>  // needs the one above

#include <string>
#include <vector>

namespace gptkit::test {

/// Pieces that tokenizers, parsers and templates treat in a special way, all UTF-8.
inline const std::vector<std::string>& odd_pieces() {
  static const std::vector<std::string> all = {
      " ",          "  ",           "\n",           "\r\n",         "\t",        "'s",
      "don't",      "123456",       "3.14",         "...",          "--",        "\"",
      "\\",         "{{ x }}",      "{%",           "# no comment", ": ",        "- ",
      "~",          "null",         "true",         "<s>",          "</s>",      "<|endoftext|>",
      "<|im_end|>", "<|im_start|>", "[/INST]",      "<unk>",        "<0x41>",    "\u00e9",
      "e\u0301",    "\u00df",       "\u4f60\u597d", "\U0001f600",   "\ufb01",    "\u00a0",
      "\u2028",     "\ufeff",       "The",          " quick",       " brown fox"};
  return all;
}

inline rc::Gen<std::string> joined(rc::Gen<std::vector<std::string>> pieces) {
  return rc::gen::map(std::move(pieces), [](const std::vector<std::string>& parts) {
    std::string text;
    for (const auto& part : parts) text += part;
    return text;
  });
}

/// Any UTF-8 text.
inline rc::Gen<std::string> utf8_text() {
  const auto letter = rc::gen::map(rc::gen::inRange(0x20, 0x7f),
                                   [](int c) { return std::string(1, static_cast<char>(c)); });
  return joined(rc::gen::container<std::vector<std::string>>(
      rc::gen::oneOf(rc::gen::elementOf(odd_pieces()), letter)));
}

/// Any bytes, UTF-8 or not.
inline rc::Gen<std::string> any_bytes() {
  const auto byte =
      rc::gen::map(rc::gen::arbitrary<char>(), [](char c) { return std::string(1, c); });
  return joined(rc::gen::container<std::vector<std::string>>(
      rc::gen::oneOf(rc::gen::elementOf(odd_pieces()), byte)));
}

}  // namespace gptkit::test
