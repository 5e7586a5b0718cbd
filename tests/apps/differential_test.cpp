// Inputs that tests/golden/differential.py drew, with the answers of transformers, tokenizers, peft
// and pandas. `python tests/golden/differential.py build/release/bin --replay` draws them anew.

#include <algorithm>
#include <cmath>

#include "differential_folder.h"
#include "support/run_program.h"

namespace gptkit::test {
namespace {

/// Numbers that are no integers may differ by rounding: the references compute in another order.
constexpr double kTolerance = 1e-4;

fs::path golden() { return fs::path(GPTKIT_SOURCE_DIR) / "tests/golden/differential"; }

/// Whether `got` has what `want` has: keys that are not asked for do not matter.
bool agrees(const Json& got, const Json& want) {
  if (want.is_object()) {
    if (!got.is_object()) return false;
    for (const auto& [key, value] : want.items()) {
      if (!got.contains(key) || !agrees(got[key], value)) return false;
    }
    return true;
  }
  if (want.is_array()) {
    if (!got.is_array() || got.size() != want.size()) return false;
    for (std::size_t i = 0; i < want.size(); ++i) {
      if (!agrees(got[i], want[i])) return false;
    }
    return true;
  }
  if (!want.is_number_float()) return got == want;
  const double expected = want.get<double>();
  return got.is_number() &&
         std::abs(got.get<double>() - expected) <= kTolerance * std::max(1.0, std::abs(expected));
}

Json lines_of(std::string_view text, const std::string& where) {
  Json lines = Json::array();
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.push_back(parse_json(text.substr(0, end), where));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// Runs one command of a case; false when it refused what it may refuse.
bool check_command(const Json& command, const Json& refused, const fs::path& folder) {
  auto arguments = command.at("run").get<std::vector<std::string>>();
  const auto program = arguments.front();
  arguments.erase(arguments.begin());
  const auto result = run_program(
      program, arguments, {.stdin_text = command.value("stdin", std::string()), .folder = folder});
  if (!refused.empty() && result.exit_code == 2) {
    const bool named = std::any_of(refused.begin(), refused.end(), [&](const std::string& word) {
      return result.err.find(word) != std::string::npos;
    });
    EXPECT_TRUE(named) << result.err << "does not name one of " << dump_json(refused);
    return false;
  }
  EXPECT_EQ(result.exit_code, 0) << result.err;
  if (result.exit_code != 0) return false;
  const auto file = command.value("file", std::string());
  auto got = lines_of(file.empty() ? result.out : read_file(folder / file), program);
  const Json& want = command.at("want");
  if (!file.empty() && got.size() > want.size()) got.erase(got.begin() + want.size(), got.end());
  EXPECT_TRUE(agrees(got, want)) << "got:  " << dump_json(got) << "\nwant: " << dump_json(want);
  return true;
}

void replay(const std::string& kind) {
  const auto read = [](const std::string& name) {
    const auto path = golden() / (name + ".json");
    return parse_json(read_file(path), path.string());
  };
  const Json file = read(kind), vocabularies = read("vocabularies");
  for (const Json& entry : file.at("cases")) {
    SCOPED_TRACE(concat(kind, ", draw ", dump_json(entry.at("draw"))));
    const ScratchFolder folder;
    write_folder(entry.at("files"), file.at("shared"), vocabularies, folder.path());
    for (const Json& command : entry.at("commands")) {
      if (!check_command(command, entry.value("refused", Json::array()), folder.path())) break;
    }
  }
}

TEST(Differential, TokenizersEncodeAndDecodeAsTokenizersDoes) { replay("tokenizers"); }

#ifdef GPTKIT_WITH_TORCH
TEST(Differential, LossesAreThoseOfTransformers) { replay("models"); }
TEST(Differential, GenerationKeepsToTheFoldersRoles) { replay("generation"); }
TEST(Differential, ChatTemplatesRenderAsInTransformers) { replay("chat"); }
TEST(Differential, TablesAreReadAsPandasReadsThem) { replay("tables"); }
TEST(Differential, InstructionsHaveTheLossOfTheirPrompts) { replay("instructions"); }
TEST(Differential, ClassifiersAnswerAsTransformersDoes) { replay("classifiers"); }
TEST(Differential, AdaptersComputeWhatPeftComputes) { replay("adapters"); }
#endif

}  // namespace
}  // namespace gptkit::test
