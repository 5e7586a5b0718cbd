#pragma once
// The shares of the rows of `data.train` for each split.

#include <array>
#include <optional>
#include <string_view>

namespace gptkit {

/// At most one share is absent: it is the rest.
struct SplitShares {
  std::optional<double> train = {}, validation = {}, test = {};
};

template <class Visitor>
void visit_fields(SplitShares& c, Visitor&& visit) {
  visit("train", c.train, "share of the rows for training");
  visit("validation", c.validation, "share for validation; empty: the rest");
  visit("test", c.test, "share for testing; empty: the rest");
}

/// Of labelled texts. Version 0.1 had a list of two shares.
struct ClassificationSplit : SplitShares {
  static constexpr std::array<std::string_view, 2> kFormerList = {"train", "validation"};
  ClassificationSplit() : SplitShares{.train = 0.7, .validation = 0.1} {}
};

/// Of instructions. Version 0.1 had a list of two shares.
struct InstructionSplit : SplitShares {
  static constexpr std::array<std::string_view, 2> kFormerList = {"train", "test"};
  InstructionSplit() : SplitShares{.train = 0.85, .test = 0.1} {}
};

/// Fails unless training and validation have a share above 0 and all shares add up to 1.
void validate(const SplitShares& split);

}  // namespace gptkit
