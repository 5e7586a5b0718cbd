#include "distributed/world.h"

#include <algorithm>
#include <thread>

#include "base/error.h"
#include "distributed/rendezvous.h"

namespace gptkit {

namespace {

using std::chrono::seconds;

/// "'lr: 0.1' instead of 'lr: 0.2'": the first line in which two texts differ.
std::string first_difference(const std::string& found, const std::string& expected) {
  size_t begin = 0;
  for (size_t i = 0; i < std::min(found.size(), expected.size()) && found[i] == expected[i]; ++i) {
    if (found[i] == '\n') begin = i + 1;
  }
  const auto line = [begin](const std::string& text) {
    const auto from = std::min(text.find_first_not_of(' ', begin), text.size());
    return printable(text.substr(from, text.find('\n', from) - from));
  };
  return concat("'", line(found), "' instead of '", line(expected), "'");
}

}  // namespace

/// Polls instead of waiting in the store: a launcher's store survives when the rank that we wait
/// for has failed.
std::string World::Connection::wait_for(const std::string& key) const {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!store->check({key})) {
    if (roll->is_alarmed() || std::chrono::steady_clock::now() > end) {
      throw std::runtime_error("timed out waiting for " + key);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return store->get_to_str(key);
}

World::World() = default;

World::World(const RankEnvironment& ranks, seconds timeout, torch::Device device) {
  join(ranks, timeout, device);
}

void World::join(const RankEnvironment& ranks, seconds timeout, torch::Device device) {
  if (connection_) return;
  ranks_ = ranks;
  if (ranks.world_size == 1) return;
  const auto store = meet(ranks, timeout);
  auto connection = std::make_unique<Connection>();
  connection->store = store;
  const Patience patience(timeout);
  connection->patience = patience.exchange;
  connection->roll = std::make_unique<RollCall>(
      reach_store(ranks, timeout),
      RollCall::Options{rank(), size(),
                        ranks.launcher_holds_store ? "the launcher's store" : "rank 0",
                        patience.roll_call});
  connection_ = std::move(connection);
  guarded([&] { connection_->group = connect_ranks(store, ranks, patience.exchange, device); });
}

World::~World() {
  if (broken_) (void)connection_.release();  // its destructors would wait for a missing rank
}

void World::lost(const std::string& what) {
  broken_ = true;
  const auto fault = connection_->roll->find_fault();
  fail_runtime(fault.empty() ? "the exchange between the ranks failed: " + what : fault,
               "; this rank ends, too: start again with ", Key{"resume"});
}

void World::announce_failure(const std::string& message) noexcept {
  if (!connection_ || broken_) return;
  broken_ = true;
  try {
    connection_->roll->announce(concat("rank ", rank(), " failed: ", message));
  } catch (...) {  // the others detect it themselves
  }
}

void World::require_same(const std::string& what, const std::string& text) {
  if (!connection_) return;
  auto& store = *connection_->store;
  const auto key = concat("same/", connection_->comparisons++, "/");
  const auto verdict = guarded([&] {
    if (!is_main()) {
      store.set(key + concat(rank()), text);
      return connection_->wait_for(key + "verdict");
    }
    std::string found = "same";
    for (int64_t r = 1; r < size() && found == "same"; ++r) {
      const auto other = connection_->wait_for(key + concat(r));
      if (other == text) continue;
      found = concat("rank ", r, " has another ", what,
                     " than rank 0: ", first_difference(other, text));
    }
    store.set(key + "verdict", found);
    return found;
  });
  require(verdict == "same", verdict, "; start all ranks with the same settings and data");
}

void World::sum_(torch::Tensor& tensor) {
  if (!connection_) return;
  std::vector<torch::Tensor> tensors = {tensor};
  guarded([&] { connection_->group->allreduce(tensors)->wait(); });
}

double World::sum(double value) {
  if (!connection_) return value;
  auto tensor = torch::full({}, value, torch::kFloat64);
  sum_(tensor);
  return tensor.item<double>();
}

void World::broadcast_(torch::Tensor& tensor, int64_t from) {
  if (!connection_) return;
  std::vector<torch::Tensor> tensors = {tensor};
  c10d::BroadcastOptions options;
  options.rootRank = from;
  guarded([&] { connection_->group->broadcast(tensors, options)->wait(); });
}

std::string World::broadcast_text(const std::string& text, int64_t from) {
  if (!connection_) return text;
  auto bytes = torch::full({}, static_cast<int64_t>(text.size()), torch::kInt64);
  broadcast_(bytes, from);
  auto content = torch::empty({bytes.item<int64_t>()}, torch::kUInt8);
  if (rank() == from) std::copy(text.begin(), text.end(), content.data_ptr<uint8_t>());
  broadcast_(content, from);
  const auto* begin = content.data_ptr<uint8_t>();
  return std::string(begin, begin + content.numel());
}

}  // namespace gptkit
