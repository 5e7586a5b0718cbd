#pragma once
// Limited-memory BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.4): minimises a
// smooth function of many variables from its values and gradients.

#include <cstdint>
#include <functional>
#include <vector>

namespace gptkit {

/// The value at x; fills the gradient, which has x's size.
using Objective =
    std::function<double(const std::vector<double>& x, std::vector<double>& gradient)>;

struct LbfgsOptions {
  double tolerance = 1e-6;  // done when no element of the gradient is larger
  std::int64_t max_iterations = 1000;
  std::int64_t memory = 10;  // steps that are remembered, two vectors of x's size each
};

struct LbfgsResult {
  std::vector<double> x;
  double value = 0;
  double largest_gradient = 0;
  std::int64_t iterations = 0;
  bool converged = false;  ///< to the tolerance; otherwise out of iterations or of digits
};

LbfgsResult minimize_lbfgs(const Objective& objective, std::vector<double> start,
                           const LbfgsOptions& options);

}  // namespace gptkit
