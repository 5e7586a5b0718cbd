#include "train/observers/plot.h"

#include <cmath>
#include <regex>

#include "support/support.h"

namespace gptkit {
namespace {

/// Fails unless every element is closed in order: enough to notice a broken SVG.
void expect_well_formed(const std::string& svg) {
  std::vector<std::string> open;
  const std::regex tag(R"(<(/?)([a-z]+)((?:\s+[a-z0-9A-Z:-]+="[^"<]*")*)\s*(/?)>)");
  std::string rest;
  size_t at = 0;
  for (std::sregex_iterator it(svg.begin(), svg.end(), tag), end; it != end; ++it) {
    rest += svg.substr(at, static_cast<size_t>(it->position()) - at);
    at = static_cast<size_t>(it->position() + it->length());
    if (it->str(1) == "/") {
      ASSERT_FALSE(open.empty());
      ASSERT_EQ(open.back(), it->str(2));
      open.pop_back();
    } else if (it->str(4).empty()) {
      open.push_back(it->str(2));
    }
  }
  EXPECT_TRUE(open.empty());
  EXPECT_THAT(rest, testing::Not(testing::HasSubstr("<"))) << "something that is no tag";
  EXPECT_THAT(svg,
              testing::Not(testing::AnyOf(testing::HasSubstr("nan"), testing::HasSubstr("inf"))));
}

size_t count_of(const std::string& text, const std::string& part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++n;
  return n;
}

std::vector<OrderedJson> rows(int64_t steps, double first_loss, double fall) {
  std::vector<OrderedJson> rows;
  for (int64_t step = 0; step < steps; ++step) {
    const double loss = first_loss - fall * static_cast<double>(step);
    rows.push_back({{"step", step}, {"tokens", 100 * (step + 1)}, {"loss", loss}});
    if (step % 5 == 0) rows.back()["val_loss"] = loss + 0.5;
  }
  return rows;
}

TEST(Plot, DrawsEveryCurveThatHasValues) {
  const auto svg = loss_plot(rows(20, 4.0, 0.1));
  expect_well_formed(svg);
  EXPECT_EQ(count_of(svg, "<polyline"), 2u);
  EXPECT_THAT(svg, testing::HasSubstr(">loss 2.1</text>"));
  EXPECT_THAT(svg, testing::HasSubstr(">val loss 3</text>"));
  // 20 points, and 4 with a circle each; all inside the picture.
  EXPECT_EQ(count_of(svg, "<circle"), 4u);
  const std::regex point(R"((-?[0-9.]+),(-?[0-9.]+) )");
  size_t points = 0;
  for (std::sregex_iterator it(svg.begin(), svg.end(), point), end; it != end; ++it, ++points) {
    EXPECT_TRUE(std::stod(it->str(1)) >= 0 && std::stod(it->str(1)) <= 760) << it->str();
    EXPECT_TRUE(std::stod(it->str(2)) >= 0 && std::stod(it->str(2)) <= 440) << it->str();
  }
  EXPECT_EQ(points, 24u);
}

TEST(Plot, IsEmptyWhenThereIsNothingToDraw) {
  EXPECT_EQ(loss_plot({}), "");
  EXPECT_EQ(loss_plot({{{"step", 0}, {"loss", nullptr}}}), "");
}

TEST(Plot, SkipsNumbersThatAreNotFinite) {
  auto with_gap = rows(4, 2.0, 0.1);
  with_gap[2]["loss"] = nullptr;
  with_gap[3]["loss"] = std::nan("");
  const auto svg = loss_plot(with_gap);
  expect_well_formed(svg);
}

TEST(Plot, SurvivesAnyRangeOfValues) {
  // Constant and enormous: ticks below the numbers' precision would never end.
  for (const double loss : {0.0, 2.5, 5e9, 1e12, -1e15, 1e300, 1e-300}) {
    for (const int64_t steps : {1, 2, 3}) {
      for (const double fall : {0.0, loss / 3}) {
        const auto svg = loss_plot(rows(steps, loss, fall));
        expect_well_formed(svg);
        EXPECT_LT(svg.size(), 20'000u);
      }
    }
  }
}

TEST(Plot, ALongRunStaysASmallPicture) {
  const auto svg = loss_plot(rows(20'000, 4.0, 1e-4));
  EXPECT_EQ(count_of(svg, "<polyline"), 2u);
  EXPECT_LT(svg.size(), 60'000u);
}

}  // namespace
}  // namespace gptkit
