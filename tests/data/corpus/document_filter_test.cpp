#include "data/corpus/document_filter.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <sstream>

#include "base/log.h"
#include "data/corpus/corpus.h"
#include "data/corpus/document_rules.h"
#include "data/corpus/documents.h"
#include "data/corpus/near_duplicates.h"
#include "data/data_support.h"
#include "text/words.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;
using testing::ElementsAre;
using testing::HasSubstr;

class Filter : public testing::Test {
 protected:
  Filter() { set_log_level(LogLevel::kQuiet); }
  /// Writes texts as lines of a .jsonl and filters them.
  std::vector<bool> select(const DocumentFilterConfig& config,
                           const std::vector<std::string>& texts, int threads = 1) {
    std::string lines;
    for (const auto& text : texts) lines += dump_json(OrderedJson{{"text", text}}) + "\n";
    test::write(folder_ / "d.jsonl", lines);
    DocumentFilter filter(config, threads);
    const auto kept = filter.select({folder_ / "d.jsonl"});
    report_ = filter.report();
    return kept;
  }
  const FilterReport::Dropped& dropped(DropReason reason) const {
    return report_.dropped[static_cast<std::size_t>(reason)];
  }
  ScratchFolder folder_;
  FilterReport report_;
};

/// `count` words drawn from a vocabulary of a thousand.
std::vector<std::string> random_words(std::size_t count, unsigned seed) {
  std::mt19937 generator(seed);
  std::vector<std::string> words;
  for (std::size_t i = 0; i < count; ++i) words.push_back(concat("word", generator() % 1000));
  return words;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (WordScanner scanner(text); scanner.next();) words.emplace_back(scanner.word());
  return words;
}

TEST(Words, AreRunsOfLettersAndNumbersInLowerCaseAndHanByCharacter) {
  EXPECT_THAT(words_of("The U.S.A. -- in 1999,\n\u00dcber\tna\u00efve"),
              ElementsAre("the", "u", "s", "a", "in", "1999", "\u00dcber", "na\u00efve"));
  EXPECT_THAT(words_of("\u6771\u4eac2020\u5e74ok"),
              ElementsAre("\u6771", "\u4eac", "2020", "\u5e74", "ok"));
  EXPECT_THAT(words_of("a\xff"
                       "b"),
              ElementsAre("a", "b"));
  EXPECT_THAT(words_of(" .,;"), ElementsAre());
}

TEST_F(Filter, LetsEverythingPassUnlessARuleIsSet) {
  EXPECT_FALSE(DocumentFilterConfig{}.active());
  EXPECT_TRUE(DocumentFilterConfig{.near_duplicates = 0.8}.active());
  EXPECT_THAT(select({}, {"a", "a", "\u0001\u0002"}), ElementsAre(true, true, true));
  EXPECT_EQ(report_.kept.documents, 3);
}

TEST_F(Filter, DropsByLengthInCharacters) {
  const DocumentFilterConfig config{.min_characters = 3, .max_characters = 5};
  EXPECT_THAT(select(config, {"\u20ac\u20ac", "\u20ac\u20ac\u20ac", "12345", "123456"}),
              ElementsAre(false, true, true, false));
  EXPECT_EQ(dropped(DropReason::kTooShort).documents, 1);
  EXPECT_EQ(dropped(DropReason::kTooShort).examples.at(0).why, "2 characters");
  EXPECT_EQ(dropped(DropReason::kTooLong).characters, 6);
  EXPECT_EQ(report_.read.characters, 16);
  EXPECT_EQ(report_.kept.characters, 8);
}

TEST_F(Filter, DropsByControlCharacters) {
  const DocumentFilterConfig config{.max_control_share = 0.1};
  EXPECT_THAT(select(config, {"tab\tand line\r\nends are fine", "\u0001 in ten charact",
                              "\u0001\u0002 in ten!", "\u0085\ue000\ufffd\uffff ok"}),
              ElementsAre(true, true, false, false));
  EXPECT_EQ(dropped(DropReason::kControlCharacters).examples.at(0).why,
            "20.0 % control characters");
  test::write(folder_ / "bytes.txt", "\xfd\xfe not UTF-8");
  DocumentFilter filter(config);
  expect_error([&] { filter.select({folder_ / "bytes.txt"}); },
               "bytes.txt: the document filter drops every document: control_characters 1");
}

TEST_F(Filter, DropsOtherScripts) {
  const std::string russian = "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440",
                    greek = "\u03ba\u03b1\u03bb\u03b7\u03bc\u03ad\u03c1\u03b1",
                    japanese = "\u3053\u3093\u306b\u3061\u306f\u4e16\u754c",
                    french = "d\u00e9j\u00e0 vu, \u0153uvre";
  const auto kept = [&](Script script) {
    return select({.script = script}, {russian, greek, japanese, french, "plain", "12345",
                                       "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627",
                                       "\u0928\u092e", "\u0e2a\u0e27", "\uc548\ub155"});
  };
  using V = std::vector<bool>;
  EXPECT_EQ(kept(Script::kLatin), (V{0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(dropped(DropReason::kScript).examples.at(4).why, "0.0 % of 4 letters");
  EXPECT_EQ(kept(Script::kCyrillic), (V{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(kept(Script::kGreek), (V{0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(kept(Script::kHan), (V{0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(kept(Script::kHebrew), (V{0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0}));
  EXPECT_EQ(kept(Script::kArabic), (V{0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}));
  EXPECT_EQ(kept(Script::kDevanagari), (V{0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}));
  EXPECT_EQ(kept(Script::kThai), (V{0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0}));
  EXPECT_EQ(kept(Script::kHangul), (V{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  EXPECT_THAT(select({.script = Script::kLatin, .min_script_share = 0.5}, {"abc \u0431\u0432"}),
              ElementsAre(true));
}

TEST_F(Filter, TellsEnglishByItsCommonWords) {
  const std::string english =
      "It was the best of times, it was the worst of times, and they had everything before them.";
  const std::string german =
      "Es war einmal ein alter K\u00f6nig, der hatte eine Tochter, die war sehr sch\u00f6n.";
  const std::string spanish = "En un lugar de la Mancha, de cuyo nombre no quiero acordarme.";
  EXPECT_GT(english_share(english), 0.4);
  EXPECT_LT(english_share(german), 0.05);
  EXPECT_LT(english_share(spanish), 0.05);
  EXPECT_EQ(english_share(""), 0);
  EXPECT_THAT(select({.min_english_share = 0.15}, {german, english, spanish}),
              ElementsAre(false, true, false));
  EXPECT_EQ(dropped(DropReason::kNotEnglish).documents, 2);
}

TEST_F(Filter, DropsLaterCopiesAndNamesTheFirst) {
  test::write(folder_ / "a.txt", "the same text");
  test::write(folder_ / "b.jsonl", "{\"text\": \"other\"}\n\n{\"text\": \"the same text\"}\n");
  test::write(folder_ / "c.txt", "the same Text");
  DocumentFilter filter({.drop_duplicates = true});
  EXPECT_THAT(filter.select(expand_inputs({folder_.path()})), ElementsAre(true, true, false, true));
  const auto& found = filter.report().dropped[static_cast<std::size_t>(DropReason::kDuplicate)];
  EXPECT_EQ(found.examples.at(0).where, (folder_ / "b.jsonl:3").string());
  EXPECT_EQ(found.examples.at(0).why, concat("the same as ", (folder_ / "a.txt").string()));
  // A second corpus meets what the first one kept.
  expect_error([&] { filter.select({folder_ / "a.txt"}); }, "duplicate 2");
}

TEST_F(Filter, DropsNearDuplicatesOfWhatWasKept) {
  const auto words = random_words(400, 1);
  auto edited = words, cut = words;
  edited[200] = "changed";                  // 5 of 396 shingles differ: Jaccard 0.975
  cut.resize(200);                          // half of it: 0.49
  for (auto& word : edited) word[0] = 'W';  // case and punctuation do not count
  const DocumentFilterConfig config{.near_duplicates = 0.8};
  EXPECT_THAT(select(config, {joined(words), joined(cut), joined(random_words(400, 2)),
                              joined(edited) + "!", joined(words)}),
              ElementsAre(true, true, true, false, false));
  const auto& found = dropped(DropReason::kNearDuplicate);
  EXPECT_THAT(found.examples.at(0).why, HasSubstr("d.jsonl:1 (0.9"));
  EXPECT_THAT(found.examples.at(1).why, HasSubstr("d.jsonl:1 (1.00)"));
  EXPECT_THAT(select(config, {"two words", "Two words.", "two  other", "...", "..."}),
              ElementsAre(true, false, true, true, true));
}

TEST_F(Filter, DecidesTheSameOnAnyNumberOfThreads) {
  std::vector<std::string> texts;
  std::mt19937 generator(7);
  for (unsigned i = 0; i < 600; ++i) {
    auto words = random_words(60, static_cast<unsigned>(generator() % 200));
    if (i % 3 == 0) words[generator() % 60] = "changed";
    texts.push_back(joined(words));
  }
  texts.push_back(joined(random_words(300'000, 3)));  // too long to be copied
  texts.push_back(texts[5]);
  const DocumentFilterConfig config{.drop_duplicates = true, .near_duplicates = 0.7};
  const auto one = select(config, texts, 1);
  const auto report = dump_json(to_json(report_));
  EXPECT_EQ(select(config, texts, 4), one);
  EXPECT_EQ(dump_json(to_json(report_)), report);
  EXPECT_GT(dropped(DropReason::kDuplicate).documents, 100);
  EXPECT_GT(dropped(DropReason::kNearDuplicate).documents, 100);
}

TEST(MinHash, EstimatesTheJaccardIndex) {
  const auto base = random_words(2000, 5);
  for (const double share : {0.2, 0.5, 0.8, 0.95}) {
    double total = 0;
    constexpr int kTries = 20;
    for (int i = 0; i < kTries; ++i) {
      // A common beginning, different ends: 5-grams in common over all of them is `share`.
      auto a = base, b = base;
      const auto common = static_cast<std::size_t>(2000 * 2 * share / (1 + share));
      const auto other = random_words(2000, static_cast<unsigned>(100 + i));
      std::rotate(a.begin(), a.begin() + 37 * i, a.end());
      b = a;
      std::copy(other.begin(), other.end() - static_cast<std::ptrdiff_t>(common),
                b.begin() + static_cast<std::ptrdiff_t>(common));
      const auto x = *minhash(joined(a)), y = *minhash(joined(b));
      double agree = 0;
      for (std::size_t k = 0; k < kMinHashes; ++k) agree += x[k] == y[k];
      total += agree / kMinHashes / kTries;
    }
    // 128 x 20 samples: a standard deviation of at most 0.01.
    EXPECT_NEAR(total, share, 0.035) << share;
  }
  EXPECT_FALSE(minhash("?!").has_value());
}

TEST(NearDuplicates, BandsAreNarrowEnoughForTheThreshold) {
  for (const double threshold : {0.1, 0.3, 0.5, 0.8, 0.9, 1.0}) {
    const NearDuplicates index(threshold);
    const auto rows = static_cast<double>(index.band_hashes());
    const double missed =
        std::pow(1 - std::pow(threshold, rows), std::floor(static_cast<double>(kMinHashes) / rows));
    EXPECT_LE(missed, 0.02) << threshold;
  }
  EXPECT_EQ(NearDuplicates(0.8).band_hashes(), 7u);
  expect_error([] { NearDuplicates(0.05); }, "a threshold of 0.05 is out of range");
  expect_error([] { NearDuplicates(1.5); }, "expected a Jaccard index from 0.1 to 1");
}

TEST_F(Filter, ReportsAsATableAndAsJson) {
  const DocumentFilterConfig config{.min_characters = 2, .drop_duplicates = true};
  select(config, {"x", "first", "first", "y", "second"});
  EXPECT_EQ(describe(report_),
            "document filter          documents         characters\n"
            "  read                           5                 18\n"
            "  - too short                    2                  2\n"
            "  - duplicate                    1                  5\n"
            "  kept                           2                 11");
  const auto json = to_json(report_);
  EXPECT_EQ(json.at("read").at("documents"), 5);
  EXPECT_EQ(json.at("kept").at("characters"), 11);
  EXPECT_EQ(json.at("dropped").size(), 2u);
  const auto& example = json.at("dropped").at("too_short").at("examples").at(1);
  EXPECT_EQ(example.at("where"), concat((folder_ / "d.jsonl").string(), ":4"));
  EXPECT_EQ(example.at("why"), "1 characters");
  select({.min_characters = 2}, {"1", "2", "3", "4", "5", "6", "7", "long"});
  EXPECT_EQ(dropped(DropReason::kTooShort).examples.size(), FilterReport::kExamples);
}

TEST_F(Filter, RefusesSettingsOutOfRange) {
  const auto refuse = [](const DocumentFilterConfig& config, const std::string& part) {
    expect_error([&] { validate(config, "data.filter"); }, part);
  };
  refuse({.min_characters = -1}, "`data.filter.min_characters`: -1 is out of range");
  refuse({.min_characters = 10, .max_characters = 5}, "max_characters`: 5 is below min_characters");
  refuse({.max_control_share = 1.5}, "max_control_share`: 1.5 is out of range");
  refuse({.min_english_share = -0.1}, "min_english_share`: -0.1");
  refuse({.near_duplicates = 0.01}, "near_duplicates`: 0.01 is out of range");
}

TEST_F(Filter, ACorpusHoldsOnlyWhatIsKeptInMemoryAndAsShards) {
  test::write(folder_ / "in/a.jsonl",
              "{\"text\": \"keep me\"}\n{\"text\": \"no\"}\n{\"text\": \"keep me\"}\n"
              "{\"text\": \"and me\"}\n");
  const DocumentFilterConfig config{.min_characters = 3, .drop_duplicates = true};
  const test::ByteTokenizer tokenizer;
  DocumentFilter first(config), second(config);
  CorpusOptions options{.train = {folder_ / "in"}, .validation_fraction = 0, .filter = &first};
  const auto corpus = load_corpus(options, tokenizer);
  EXPECT_EQ(corpus.documents, 2);
  EXPECT_EQ(corpus.characters, 13);
  EXPECT_EQ(corpus.train.fingerprint(),
            load_corpus({.train = {[&] {
                           test::write(folder_ / "k.jsonl",
                                       "{\"text\": \"keep me\"}\n{\"text\": \"and me\"}\n");
                           return folder_ / "k.jsonl";
                         }()},
                         .validation_fraction = 0},
                        tokenizer)
                .train.fingerprint());

  options.filter = &second;
  options.validation_fraction = 0.5;
  const auto done = encode_to_shards(options, tokenizer, folder_ / "out");
  EXPECT_EQ(done.documents, 2);
  EXPECT_EQ(done.train_tokens + done.validation_tokens, 14) << "one end of text, in one part";
  const auto report = parse_json(read_file(folder_ / "out" / kFilterReportFile), "report");
  EXPECT_EQ(report.at("dropped").at("duplicate").at("documents"), 1);
  DocumentFilter third(config);
  expect_error([&] { load_corpus({.train = {folder_ / "out"}, .filter = &third}, tokenizer); },
               "token shards cannot be filtered");
}

// The SMS collection has 5,574 messages of which 5,171 differ (its published description counts
// duplicates the same way).
TEST_F(Filter, FindsTheCopiesInRealMessages) {
  GPTKIT_REAL_DATA_OR_SKIP(data);
  std::vector<std::string> texts;
  std::set<std::string> different;
  std::istringstream rows(read_file(data / "SMSSpamCollection.tsv"));
  for (std::string row; std::getline(rows, row);) {
    texts.push_back(row.substr(row.find('\t') + 1));
    different.insert(texts.back());
  }
  select({.drop_duplicates = true}, texts, 2);
  EXPECT_EQ(report_.kept.documents, std::ssize(different));
  EXPECT_LT(report_.kept.documents, report_.read.documents);
  select({.drop_duplicates = true, .near_duplicates = 0.8}, texts, 2);
  EXPECT_GT(dropped(DropReason::kNearDuplicate).documents, 50);
  EXPECT_LT(dropped(DropReason::kNearDuplicate).documents, 600);
}

}  // namespace
}  // namespace gptkit
