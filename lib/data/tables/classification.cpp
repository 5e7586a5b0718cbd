#include "data/tables/classification.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "base/error.h"
#include "data/fingerprint.h"
#include "data/random_order.h"

namespace gptkit {

namespace {

/// A row that remembers its file, for messages.
struct SourceRow {
  TableRow row;
  const std::filesystem::path* file;
};

std::vector<SourceRow> read_tables(const std::vector<std::filesystem::path>& files,
                                   const TableColumns& columns, std::int64_t& skipped_empty) {
  std::vector<SourceRow> rows;
  for (const auto& file : files) {
    for (auto& row : read_labelled_table(file, columns)) {
      if (row.text.empty()) {
        ++skipped_empty;
      } else {
        rows.push_back({std::move(row), &file});
      }
    }
  }
  return rows;
}

std::string listed(const std::vector<std::string>& labels) {
  std::string text;
  for (const auto& label : labels) {
    text += (text.empty() ? "'" : ", '") + printable(label, 40) + "'";
  }
  return text;
}

std::vector<std::string> sorted_labels(const std::vector<SourceRow>& rows) {
  std::set<std::string> labels;
  for (const auto& source : rows) labels.insert(source.row.label);
  return {labels.begin(), labels.end()};
}

std::vector<LabelledText> to_classes(std::vector<SourceRow>&& rows,
                                     const std::vector<std::string>& labels) {
  std::map<std::string, std::int64_t> classes;
  for (std::size_t i = 0; i < labels.size(); ++i) classes[labels[i]] = static_cast<std::int64_t>(i);
  std::vector<LabelledText> texts;
  for (auto& [row, file] : rows) {
    const auto found = classes.find(row.label);
    require(found != classes.end(), file->string(), row.line > 0 ? concat(":", row.line) : "",
            ": row ", row.row, " has the label '", printable(row.label), "', expected one of ",
            listed(labels));
    texts.push_back({std::move(row.text), found->second, row.row});
  }
  return texts;
}

void check_labels(const std::vector<std::string>& labels, const std::string& where) {
  require(labels.size() >= 2, where, ": only the label ", listed(labels),
          " occurs; a classifier needs at least two classes");
  require(labels.size() <= 1000, where, ": ", labels.size(),
          " different labels; is the label column the right one?");
  const std::set<std::string> unique(labels.begin(), labels.end());
  require(unique.size() == labels.size(), "labels: ", listed(labels), ": a label occurs twice");
}

std::vector<LabelledText> picked(const std::vector<LabelledText>& rows,
                                 const std::vector<std::int64_t>& order) {
  std::vector<LabelledText> result;
  result.reserve(order.size());
  for (const auto index : order) result.push_back(rows[static_cast<std::size_t>(index)]);
  return result;
}

/// Shuffles as pandas' sample(frac=1), then cuts at int(n * share). `why` tells why the rows are so
/// few.
void split_shuffled(const ClassificationOptions& options, const std::string& why,
                    ClassificationData& data) {
  validate(options.split);
  const auto n = std::ssize(data.train);
  const auto all = picked(data.train, numpy_permutation(options.seed, n));
  const auto part = [&](double share) {
    return static_cast<std::int64_t>(static_cast<double>(n) * share);
  };
  const auto& split = options.split;
  const double train =
      split.train.value_or(1 - split.validation.value_or(0) - split.test.value_or(0));
  const double validation = split.validation.value_or(1 - train - split.test.value_or(0));
  const auto train_end = all.begin() + part(train);
  const auto validation_end = train_end + part(validation);
  data.train.assign(all.begin(), train_end);
  data.validation.assign(train_end, validation_end);
  data.test.assign(validation_end, all.end());
  require(!data.train.empty() && !data.validation.empty(), n, " labelled rows split ", train, " / ",
          validation, " leave ", data.train.size(), " for training and ", data.validation.size(),
          " for validation", why, "; add rows, change the shares in ", Key{"data.split"},
          ", or name separate files");
}

}  // namespace

std::vector<std::int64_t> class_counts(const std::vector<LabelledText>& rows,
                                       std::int64_t classes) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(classes));
  for (const auto& row : rows) ++counts[static_cast<std::size_t>(row.label)];
  return counts;
}

std::vector<LabelledText> balance_to_smallest(const std::vector<LabelledText>& rows,
                                              std::int64_t classes, std::uint32_t seed) {
  const auto counts = class_counts(rows, classes);
  const auto smallest = *std::min_element(counts.begin(), counts.end());
  std::vector<LabelledText> balanced;
  for (std::int64_t label = 0; label < classes; ++label) {
    std::vector<LabelledText> members;
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(members),
                 [&](const LabelledText& row) { return row.label == label; });
    if (std::ssize(members) > smallest) {
      members = picked(members, numpy_sample(seed, std::ssize(members), smallest));
    }
    std::move(members.begin(), members.end(), std::back_inserter(balanced));
  }
  return balanced;
}

std::vector<std::vector<LabelledText>> stratified_folds(const std::vector<LabelledText>& rows,
                                                        const std::vector<std::string>& labels,
                                                        std::int64_t k, std::uint32_t seed) {
  const auto counts = class_counts(rows, std::ssize(labels));
  for (std::size_t c = 0; c < labels.size(); ++c) {
    require(counts[c] >= k, Key{"data.folds"}, ": ", k, " parts need at least ", k,
            " rows of every label, but '", printable(labels[c]), "' has ", counts[c]);
  }
  std::vector<std::vector<LabelledText>> folds(static_cast<std::size_t>(k));
  std::vector<std::int64_t> seen(labels.size());
  for (const auto& row : picked(rows, numpy_permutation(seed, std::ssize(rows)))) {
    const auto turn = seen[static_cast<std::size_t>(row.label)]++ % k;
    folds[static_cast<std::size_t>(turn)].push_back(row);
  }
  return folds;
}

std::vector<double> class_weights(const std::vector<LabelledText>& rows, std::int64_t classes) {
  std::vector<double> weights;
  for (const auto count : class_counts(rows, classes)) {
    weights.push_back(static_cast<double>(rows.size()) /
                      static_cast<double>(classes * std::max<std::int64_t>(1, count)));
  }
  return weights;
}

ClassificationData load_classification(const ClassificationOptions& options) {
  require(!options.train.empty(), "no labelled training file is given");
  const auto where = options.train.front().string();
  ClassificationData data;
  auto rows = read_tables(options.train, options.columns, data.skipped_empty);
  data.rows = std::ssize(rows);
  data.labels = options.labels.empty() ? sorted_labels(rows) : options.labels;
  check_labels(data.labels, where);

  const auto classes = std::ssize(data.labels);
  std::string why;
  const auto require_every_class = [&](const std::string& part) {
    const auto counts = class_counts(data.train, classes);
    const auto missing = std::find(counts.begin(), counts.end(), 0) - counts.begin();
    require(missing == classes, where, ": no ", part, " row has the label '",
            missing < classes ? printable(data.labels[static_cast<std::size_t>(missing)]) : "", "'",
            why, "; give more rows of it or leave it out");
  };
  data.train = to_classes(std::move(rows), data.labels);
  require_every_class("labelled");
  if (options.balance == Balance::kSmallest) {
    const auto counts = class_counts(data.train, classes);
    const auto smallest = std::min_element(counts.begin(), counts.end());
    const auto& label = data.labels[static_cast<std::size_t>(smallest - counts.begin())];
    why = concat(" (data.balance: smallest cuts each of the ", classes, " labels to ", *smallest,
                 " row(s), as many as '", printable(label, 40), "' has)");
    data.train = balance_to_smallest(data.train, classes, options.seed);
  }
  const auto read_part = [&](const std::vector<std::filesystem::path>& files) {
    return to_classes(read_tables(files, options.columns, data.skipped_empty), data.labels);
  };
  if (options.validation.empty()) {
    split_shuffled(options, why, data);
    require_every_class("training");
  } else {
    data.validation = read_part(options.validation);
    require(!data.validation.empty(), options.validation.front().string(), ": no rows with text");
  }
  if (!options.test.empty()) data.test = read_part(options.test);
  return data;
}

ClassificationDataset::ClassificationDataset(const std::vector<LabelledText>& rows,
                                             const Tokenizer& tokenizer,
                                             const ClassificationDatasetOptions& options)
    : pad_id_(options.pad_id), pad_to_batch_(options.pad_to_batch) {
  require(options.context_length > 0 && options.max_length >= 0, "a text of at most ",
          options.max_length, " tokens in a context of ", options.context_length);
  for (const auto& row : rows) {
    ids_.push_back(encode_text(tokenizer, row.text));
    if (ids_.back().empty()) ids_.back().push_back(options.pad_id);
    labels_.push_back(row.label);
    longest_ = std::max(longest_, std::ssize(ids_.back()));
  }
  max_length_ =
      std::min(options.max_length > 0 ? options.max_length : longest_, options.context_length);
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    const auto tokens = ids_[i].size();
    if (!truncate(ids_[i], max_length_, options.truncate, tokenizer.frame())) continue;
    require(options.truncate != Truncate::kRefuse, "row ", rows[i].row, " has ", tokens,
            " tokens, more than ", max_length_, "; shorten it, allow more with ",
            Key{"classifier.max_tokens"}, ", or cut it with ", Key{"classifier.truncate"});
    ++truncated_;
  }
}

std::string ClassificationDataset::fingerprint() const {
  Fingerprint all;
  for (const auto& ids : ids_) all.add(ids);
  all.add(labels_);
  for (const std::int64_t number :
       {max_length_, std::int64_t{pad_id_}, std::int64_t{pad_to_batch_}}) {
    all.add(number);
  }
  return all.hex();
}

double ClassificationDataset::mean_length() const {
  std::size_t tokens = 0;
  for (const auto& ids : ids_) tokens += ids.size();
  return static_cast<double>(tokens) / static_cast<double>(ids_.size());
}

Batch ClassificationDataset::collate(std::span<const std::int64_t> indices) const {
  Batch batch{.rows = std::ssize(indices), .columns = pad_to_batch_ ? 1 : max_length_};
  batch.trim = pad_to_batch_;
  for (const auto index : indices) {
    const auto i = static_cast<std::size_t>(index);
    batch.labels.push_back(labels_[i]);
    batch.examples.push_back(index);
    batch.lengths.push_back(std::ssize(ids_[i]));
    batch.columns = std::max(batch.columns, batch.lengths.back());
  }
  batch.inputs.assign(static_cast<std::size_t>(batch.rows * batch.columns), pad_id_);
  for (std::int64_t row = 0; row < batch.rows; ++row) {
    const auto& ids = ids_[static_cast<std::size_t>(indices[static_cast<std::size_t>(row)])];
    std::copy(ids.begin(), ids.end(), batch.inputs.begin() + row * batch.columns);
  }
  return batch;
}

}  // namespace gptkit
