#pragma once
// Charts as figures of a page.

#include <vector>

#include "report/chart.h"
#include "report/page_template.h"

namespace gptkit {

/// Title, drawing and legend.
Html figure(const Chart& chart);

/// Figures side by side where there is room; those without series are left out. Empty without any.
Html figures(const std::vector<Chart>& charts);

}  // namespace gptkit
