#include "data/fingerprint.h"

#include "data/data_support.h"

namespace gptkit {
namespace {

using test::expect_error;

TEST(Fingerprint, TellsOrdersAndCutsApart) {
  const auto of = [](std::initializer_list<std::string_view> parts) {
    Fingerprint all;
    for (const auto part : parts) all.add(part);
    return all.hex();
  };
  EXPECT_EQ(of({"ab", "c"}).size(), 16U);
  EXPECT_EQ(of({"ab", "c"}), of({"ab", "c"}));
  EXPECT_NE(of({"ab", "c"}), of({"a", "bc"}));
  EXPECT_NE(of({"a", "b"}), of({"b", "a"}));
  Fingerprint plus, minus;
  for (const double value : {1.0, 2.0}) plus.add(value), minus.add(-value);
  EXPECT_NE(plus.hex(), minus.hex());
}

TEST(Fingerprint, CheckpointsOfVersion01AreComparedByWhatTheyHave) {
  const std::string old = "0123456789abcdef";
  Fingerprint all;
  all.add(std::int64_t{1});
  const auto now = data_fingerprint(old, all);
  require_same_data(now, now, "c");
  require_same_data(old, now, "c");
  const auto refuse = [](const std::string& kept, const std::string& data,
                         const std::string& part) {
    expect_error([&] { require_same_data(kept, data, "step-1"); }, part);
  };
  refuse("fedcba9876543210", now, "step-1: it is of version 0.1, and the training data are not");
  refuse(old, data_fingerprint("", all), "hold what 0.1 did not read or compare");
  all.add(std::int64_t{2});
  refuse(now, data_fingerprint(old, all),
         "step-1: the training data are not those the run was started with");
}

}  // namespace
}  // namespace gptkit
