#include "train/metrics.h"

#include <cmath>
#include <limits>
#include <regex>

#include "support/support.h"
#include "train/plot.h"

namespace gptkit {
namespace {

using test::expect_error;
using test::ScratchFolder;

std::string three_rows(const fs::path& path) {
  MetricsLog log(path, 0);
  for (int64_t step = 0; step < 3; ++step)
    log.append({{"step", step}, {"loss", 2.5 - static_cast<double>(step)}});
  return read_file(path);
}

TEST(MetricsLog, WritesALineAStep) {
  ScratchFolder scratch;
  EXPECT_EQ(three_rows(scratch / "m"),
            "{\"step\":0,\"loss\":2.5}\n{\"step\":1,\"loss\":1.5}\n{\"step\":2,\"loss\":0.5}\n");
}

TEST(MetricsLog, NumbersThatAreNotFiniteBecomeNull) {
  ScratchFolder scratch;
  MetricsLog log(scratch / "m", 0);
  log.append({{"step", 0}, {"a", std::nan("")}, {"b", std::numeric_limits<double>::infinity()}});
  EXPECT_EQ(read_file(scratch / "m"), "{\"step\":0,\"a\":null,\"b\":null}\n");
}

TEST(MetricsLog, IsCutBackToTheStepThatComesNext) {
  ScratchFolder scratch;
  const auto whole = three_rows(scratch / "m");
  for (const int64_t next : {3, 2, 1, 0}) {
    MetricsLog log(scratch / "m", next);
    EXPECT_EQ(log.rows().size(), static_cast<size_t>(next));
    EXPECT_TRUE(whole.starts_with(read_file(scratch / "m")));
    EXPECT_EQ(std::ranges::count(read_file(scratch / "m"), '\n'), next);
  }
}

TEST(MetricsLog, DropsALastLineCutAtAnyByte) {
  ScratchFolder scratch;
  const auto whole = three_rows(scratch / "m");
  const size_t last_line = whole.rfind('\n', whole.size() - 2) + 1;
  for (size_t size = last_line; size < whole.size(); ++size) {
    write_file_atomic(scratch / "m", whole.substr(0, size));
    MetricsLog log(scratch / "m", 3);
    EXPECT_EQ(log.rows().size(), 2u) << size;
    log.append({{"step", 2}, {"loss", 0.5}});
    EXPECT_EQ(read_file(scratch / "m"), whole) << size;
  }
}

TEST(MetricsLog, DropsWhatAPowerCutLeavesBehindTheRowsThatCount) {
  ScratchFolder scratch;
  const auto whole = three_rows(scratch / "m");
  for (const std::string& rest :
       {std::string("\0\0\0\0\n\0\n", 7), std::string("nonsense\n"), whole, whole + "{\n"}) {
    write_file_atomic(scratch / "m", whole + rest);
    EXPECT_EQ(MetricsLog(scratch / "m", 3).rows().size(), 3u);
    EXPECT_EQ(read_file(scratch / "m"), whole);
    write_file_atomic(scratch / "m", rest);
    EXPECT_EQ(MetricsLog(scratch / "m", 0).rows().size(), 0u);
  }
}

TEST(MetricsLog, RefusesALineThatIsNoRow) {
  ScratchFolder scratch;
  for (const char* bad : {"nonsense\n", "[1]\n", "{\"step\":\"two\"}\n", "{\"loss\":1}\n"}) {
    write_file_atomic(scratch / "m", bad);
    expect_error([&] { MetricsLog(scratch / "m", 5); }, (scratch / "m").string());
  }
}

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

std::string plotted(const std::vector<OrderedJson>& rows, const PlotOptions& options = {}) {
  ScratchFolder scratch;
  write_plot(scratch / "loss.svg", rows, options);
  return fs::exists(scratch / "loss.svg") ? read_file(scratch / "loss.svg") : "";
}

TEST(Plot, DrawsEveryCurveThatHasValues) {
  const auto svg = plotted(rows(20, 4.0, 0.1));
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

TEST(Plot, WritesNothingWhenThereIsNothingToDraw) {
  EXPECT_EQ(plotted({}), "");
  EXPECT_EQ(plotted({{{"step", 0}, {"loss", nullptr}}}), "");
}

TEST(Plot, SkipsNumbersThatAreNotFinite) {
  auto with_gap = rows(4, 2.0, 0.1);
  with_gap[2]["loss"] = nullptr;
  with_gap[3]["loss"] = std::nan("");
  const auto svg = plotted(with_gap);
  expect_well_formed(svg);
}

TEST(Plot, SurvivesAnyRangeOfValues) {
  // Constant and enormous: ticks below the numbers' precision would never end.
  for (const double loss : {0.0, 2.5, 5e9, 1e12, -1e15, 1e300, 1e-300}) {
    for (const int64_t steps : {1, 2, 3}) {
      for (const double fall : {0.0, loss / 3}) {
        const auto svg = plotted(rows(steps, loss, fall));
        expect_well_formed(svg);
        EXPECT_LT(svg.size(), 20'000u);
      }
    }
  }
}

TEST(Plot, ALongRunStaysASmallPicture) {
  const auto svg = plotted(rows(20'000, 4.0, 1e-4));
  EXPECT_EQ(count_of(svg, "<polyline"), 2u);
  EXPECT_LT(svg.size(), 60'000u);
}

}  // namespace
}  // namespace gptkit
