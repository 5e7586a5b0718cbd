#include "data/corpus/document_filter.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <unordered_map>

#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/strings.h"
#include "data/corpus/document_rules.h"
#include "data/corpus/documents.h"
#include "data/corpus/near_duplicates.h"

namespace gptkit {

namespace {

constexpr std::size_t kBatchBytes = std::size_t{1} << 23;  // of text, measured at once

/// The first half of a SHA-256: no two documents of any corpus share one by chance.
struct Digest {
  std::uint64_t high = 0, low = 0;
  bool operator==(const Digest&) const = default;
};
struct DigestHash {
  std::size_t operator()(const Digest& digest) const { return digest.high; }
};

Digest digest_of(std::string_view text) {
  const auto hex = sha256_hex(text);
  Digest digest;
  std::from_chars(hex.data(), hex.data() + 16, digest.high, 16);
  std::from_chars(hex.data() + 16, hex.data() + 32, digest.low, 16);
  return digest;
}

/// All that the decision needs of a document: a pure function of its text.
struct Findings {
  std::int64_t characters = 0;
  std::optional<RuleBroken> broken;
  Digest digest;
  std::optional<Signature> signature;
};

Findings examine(std::string_view text, const DocumentFilterConfig& config) {
  Findings found;
  found.broken = broken_rule(text, config, found.characters);
  if (found.broken) return found;
  if (config.drop_duplicates) found.digest = digest_of(text);
  if (config.near_duplicates > 0) found.signature = minhash(text);
  return found;
}

std::int64_t total_bytes(const std::vector<fs::path>& files) {
  std::int64_t bytes = 0;
  for (const auto& file : files) {
    std::error_code unknown;
    const auto size = fs::file_size(file, unknown);
    if (!unknown) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

}  // namespace

class DocumentFilter::Judge {
 public:
  Judge(const DocumentFilterConfig& config, int threads) : config_(config), threads_(threads) {
    if (config.near_duplicates > 0) near_.emplace(config.near_duplicates);
  }

  std::vector<bool> select(const std::vector<fs::path>& files) {
    kept_.clear();
    constexpr std::int64_t kMegabyte = 1'000'000;
    const auto megabytes = (total_bytes(files) + kMegabyte - 1) / kMegabyte;
    Progress progress("filtering", megabytes, "MB");
    std::int64_t bytes = 0;
    for_each_document(files, [&](const Document& document) {
      if (files_.empty() || files_.back() != document.file) files_.push_back(document.file);
      const Place place{files_.size() - 1, document.line};
      if (document.text.size() >= kBatchBytes / 8) {  // not copied
        flush();
        decide(examine(document.text, config_), place);
      } else {
        pending_.push_back({std::string(document.text), place});
        pending_bytes_ += document.text.size() + sizeof(Pending);
        if (pending_bytes_ >= kBatchBytes) flush();
      }
      bytes += std::ssize(document.text);
      progress.update(std::min(bytes / kMegabyte, megabytes));
    });
    flush();
    progress.update(megabytes);
    require(std::find(kept_.begin(), kept_.end(), true) != kept_.end(), files.front().string(),
            files.size() > 1 ? " and the files after it" : "",
            ": the document filter drops every document: ", summary(), "; relax the rules of ",
            Key{"data.filter"});
    return kept_;
  }

  const FilterReport& report() const { return report_; }

 private:
  struct Place {
    std::size_t file = 0;  // in files_
    std::int64_t line = 0;
  };
  struct Pending {
    std::string text;
    Place place;
  };

  void flush() {
    std::vector<Findings> found(pending_.size());
    parallel_for(pending_.size(), threads_,
                 [&](std::size_t i) { found[i] = examine(pending_[i].text, config_); });
    for (std::size_t i = 0; i < pending_.size(); ++i) decide(found[i], pending_[i].place);
    pending_.clear();
    pending_bytes_ = 0;
  }

  void decide(const Findings& found, const Place& place) {
    const auto count = [&](FilterReport::Count& into) {
      ++into.documents;
      into.characters += found.characters;
    };
    count(report_.read);
    const auto dropped = found.broken ? found.broken : duplicate(found);
    kept_.push_back(!dropped);
    if (!dropped) {
      count(report_.kept);
      return remember(found, place);
    }
    auto& reason = report_.dropped[static_cast<std::size_t>(dropped->reason)];
    count(reason);
    if (reason.examples.size() < FilterReport::kExamples) {
      reason.examples.push_back({shown(place), dropped->why});
    }
  }

  std::optional<RuleBroken> duplicate(const Findings& found) const {
    if (config_.drop_duplicates) {
      const auto first = exact_.find(found.digest);
      if (first != exact_.end()) {
        return RuleBroken{DropReason::kDuplicate, concat("the same as ", shown(first->second))};
      }
    }
    const auto match = found.signature ? near_->find(*found.signature) : std::nullopt;
    if (!match) return std::nullopt;
    const auto& first = near_places_[static_cast<std::size_t>(match->id)];
    return RuleBroken{DropReason::kNearDuplicate,
                      concat("like ", shown(first), " (", rounded(match->alikeness, 2), ")")};
  }

  void remember(const Findings& found, const Place& place) {
    if (config_.drop_duplicates) exact_.emplace(found.digest, place);
    if (!found.signature) return;
    near_->add(*found.signature);
    near_places_.push_back(place);
  }

  std::string shown(const Place& place) const {
    const auto file = files_[place.file].string();
    return place.line > 0 ? concat(file, ":", place.line) : file;
  }

  std::string summary() const {
    std::vector<std::string> counts;
    for (const auto& [name, reason] : enum_names(DropReason())) {
      const auto n = report_.dropped[static_cast<std::size_t>(reason)].documents;
      if (n > 0) counts.push_back(concat(name, " ", n));
    }
    return join(counts);
  }

  DocumentFilterConfig config_;
  int threads_;
  FilterReport report_;
  std::vector<bool> kept_;
  std::vector<fs::path> files_;
  std::vector<Pending> pending_;
  std::size_t pending_bytes_ = 0;
  std::unordered_map<Digest, Place, DigestHash> exact_;
  std::optional<NearDuplicates> near_;
  std::vector<Place> near_places_;  // of the documents in near_
};

DocumentFilter::DocumentFilter(const DocumentFilterConfig& config, int threads)
    : judge_(std::make_unique<Judge>(config, threads)) {
  validate(config, "filter");
}
DocumentFilter::~DocumentFilter() = default;

std::vector<bool> DocumentFilter::select(const std::vector<fs::path>& files) {
  return judge_->select(files);
}
const FilterReport& DocumentFilter::report() const { return judge_->report(); }

std::string describe(const FilterReport& report) {
  const auto line = [](const std::string& what, const FilterReport::Count& count) {
    const auto right = [](const std::string& text, std::size_t width) {
      return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
    };
    return concat("\n  ", what, std::string(20 - what.size(), ' '),
                  right(format_count(count.documents), 12),
                  right(format_count(count.characters), 19));
  };
  std::string table = "document filter          documents         characters";
  table += line("read", report.read);
  for (const auto& [name, reason] : enum_names(DropReason())) {
    const auto& dropped = report.dropped[static_cast<std::size_t>(reason)];
    std::string words = name;
    std::replace(words.begin(), words.end(), '_', ' ');
    if (dropped.documents > 0) table += line("- " + words, dropped);
  }
  return table + line("kept", report.kept);
}

OrderedJson to_json(const FilterReport& report) {
  const auto counts = [](const FilterReport::Count& count) {
    return OrderedJson{{"documents", count.documents}, {"characters", count.characters}};
  };
  OrderedJson dropped = OrderedJson::object();
  for (const auto& [name, reason] : enum_names(DropReason())) {
    const auto& count = report.dropped[static_cast<std::size_t>(reason)];
    if (count.documents == 0) continue;
    auto& entry = dropped[name] = counts(count);
    for (const auto& example : count.examples) {
      entry["examples"].push_back(OrderedJson{{"where", example.where}, {"why", example.why}});
    }
  }
  return {{"read", counts(report.read)}, {"kept", counts(report.kept)}, {"dropped", dropped}};
}

}  // namespace gptkit
