#pragma once
// Charts as figures of a page.

#include <vector>

#include "report/chart.h"
#include "report/page_template.h"

namespace gptkit {

/// Title, drawing and legend.
Html figure(const Chart& chart);

/// Figures side by side if there is room; those without series are left out. Empty if none is left.
Html figures(const std::vector<Chart>& charts);

}  // namespace gptkit
