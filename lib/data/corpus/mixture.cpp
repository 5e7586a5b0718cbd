#include "data/corpus/mixture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include "base/error.h"
#include "base/strings.h"
#include "data/corpus/documents.h"
#include "data/random_order.h"

namespace gptkit {

namespace {

constexpr std::int64_t kBlock = 1024;  // positions shuffled together
constexpr std::uint64_t kOne = std::uint64_t{1} << 32;

double total_weight(const std::vector<MixtureSource>& sources) {
  double total = 0;
  for (const auto& source : sources) {
    require(source.weight > 0 && std::isfinite(source.weight), "data source ", source.name,
            ": weight ", source.weight, " must be above 0; leave out a source that is not wanted");
    total += source.weight;
  }
  return total;
}

/// What each source takes of what those before it leave, in units of 2^-32. Whole numbers, so that
/// no rounding mode, compiler or number of windows changes an order.
std::vector<std::uint64_t> parts_of_rest(const std::vector<MixtureSource>& sources) {
  double rest = total_weight(sources);
  std::vector<std::uint64_t> parts;
  for (const auto& source : sources) {
    const double part = std::min(1.0, source.weight / rest);
    parts.push_back(static_cast<std::uint64_t>(std::llround(part * static_cast<double>(kOne))));
    rest -= source.weight;
  }
  if (!parts.empty()) parts.back() = kOne;  // what rounding left of `rest` does not matter
  return parts;
}

/// n * part, rounded to the nearest; exact, since neither half overflows.
std::int64_t taken(std::int64_t n, std::uint64_t part) {
  const auto all = static_cast<std::uint64_t>(n);
  const std::uint64_t high = all / kOne, low = all % kOne;
  return static_cast<std::int64_t>(high * part + (low * part + kOne / 2) / kOne);
}

std::vector<std::int64_t> drawn_by(const std::vector<std::uint64_t>& parts, std::int64_t n) {
  std::vector<std::int64_t> counts;
  for (const auto part : parts) {
    counts.push_back(taken(n, part));
    n -= counts.back();
  }
  return counts;
}

void append(Batch& batch, const Batch& more, const std::string& name) {
  require(batch.rows == 0 || batch.columns == more.columns, "data source ", name, ": windows of ",
          more.columns, " tokens cannot be mixed with windows of ", batch.columns);
  batch.rows += more.rows;
  batch.columns = more.columns;
  const auto add = [](auto& to, const auto& from) {
    to.insert(to.end(), from.begin(), from.end());
  };
  add(batch.inputs, more.inputs);
  add(batch.targets, more.targets);
  add(batch.labels, more.labels);
  add(batch.lengths, more.lengths);
}

}  // namespace

MixtureDataset::MixtureDataset(std::vector<MixtureSource> sources, std::uint64_t seed,
                               std::optional<std::int64_t> windows)
    : sources_(std::move(sources)), seed_(seed), endless_(!windows), size_(windows.value_or(0)) {
  require(!sources_.empty(), "a data mixture needs at least one source");
  parts_ = parts_of_rest(sources_);
  for (const auto& source : sources_) {
    require(source.windows->size() > 0, "data source ", source.name, ": has no window");
    if (endless_) size_ += source.windows->size();
  }
}

double MixtureDataset::share(std::size_t source) const {
  return sources_[source].weight / total_weight(sources_);
}

std::vector<std::int64_t> MixtureDataset::drawn(std::int64_t n) const {
  return drawn_by(parts_, n);
}

MixturePick MixtureDataset::pick(std::int64_t position) const {
  std::int64_t rest = position;
  if (endless_) {
    const std::int64_t block = position / kBlock;
    const auto seed = mixed_seed(seed_, static_cast<std::uint64_t>(block));
    rest = block * kBlock + permuted_index(seed, kBlock, position % kBlock);
  }
  std::size_t source = 0;
  for (;; ++source) {
    const std::int64_t before = taken(rest, parts_[source]);
    if (taken(rest + 1, parts_[source]) > before) {
      rest = before;
      break;
    }
    rest -= before;
  }
  const std::int64_t size = sources_[source].windows->size(), epoch = rest / size;
  const auto seed = mixed_seed(mixed_seed(~seed_, source), static_cast<std::uint64_t>(epoch));
  return {source, epoch, permuted_index(seed, size, rest % size)};
}

Batch MixtureDataset::collate(std::span<const std::int64_t> positions) const {
  Batch batch;
  for (const std::int64_t position : positions) {
    const auto at = pick(position);
    const auto& source = sources_[at.source];
    append(batch, source.windows->collate({&at.window, 1}), source.name);
  }
  return batch;
}

std::int64_t windows_without_repeats(const std::vector<MixtureSource>& sources) {
  const auto parts = parts_of_rest(sources);
  const auto fits = [&](std::int64_t n) {
    const auto counts = drawn_by(parts, n);
    for (std::size_t i = 0; i < sources.size(); ++i) {
      if (counts[i] > sources[i].windows->size()) return false;
    }
    return true;
  };
  std::int64_t most = 1, too_many = 1;  // each source's count only grows with n: search between
  for (const auto& source : sources) too_many += source.windows->size();
  while (too_many - most > 1) {
    const std::int64_t middle = most + (too_many - most) / 2;
    (fits(middle) ? most : too_many) = middle;
  }
  return most;
}

std::string mixture_table(const std::vector<MixtureRow>& rows, std::int64_t run_tokens) {
  const auto fixed = [](double value, const char* form) {
    std::array<char, 64> text;
    std::snprintf(text.data(), text.size(), form, value);
    return std::string(text.data());
  };
  double total = 0;
  std::size_t widest = std::string_view("dataset").size();
  for (const auto& row : rows) {
    total += row.weight;
    widest = std::max(widest, static_cast<std::size_t>(count_characters(row.name)));
  }
  const auto line = [&](const std::string& name, const std::string& tokens,
                        const std::string& weight, const std::string& epochs) {
    const auto cell = [](const std::string& text, std::size_t width) {
      return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
    };
    const auto pad = widest - static_cast<std::size_t>(count_characters(name));
    return concat("\n  ", name, std::string(pad, ' '), cell(tokens, 19), cell(weight, 17),
                  cell(epochs, 9));
  };
  std::string table = concat("data mixture, training for ", format_count(run_tokens), " tokens");
  const bool usual = std::abs(total - 1) < 1e-6 || std::abs(total - 100) < 1e-4;
  if (!usual) {
    table += concat(" (the weights add up to ", fixed(total, "%.6g"), " and are scaled to 100 %)");
  }
  table += line("dataset", "quantity (tokens)", "weight in mix", "epochs");
  for (const auto& row : rows) {
    table += line(row.name, format_count(row.tokens), fixed(100 * row.weight / total, "%.1f %%"),
                  fixed(row.epochs, "%.2f"));
  }
  return table;
}

}  // namespace gptkit
