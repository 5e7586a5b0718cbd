#include "report/figure.h"

namespace gptkit {

Html figure(const Chart& chart) {
  PageList legend;
  for (const auto& entry : legend_of(chart)) {
    legend.push_back(
        {{"swatch", Html{entry.swatch}}, {"name", entry.name}, {"detail", entry.detail}});
  }
  return render("figure.html",
                {{"title", chart.title}, {"svg", Html{to_svg(chart)}}, {"legend", legend}});
}

Html figures(const std::vector<Chart>& charts) {
  PageList list;
  for (const auto& chart : charts) {
    if (!chart.series.empty()) list.push_back({{"figure", figure(chart)}});
  }
  return list.empty() ? Html{} : render("charts.html", {{"figures", list}});
}

}  // namespace gptkit
