// base/config/config: YAML that binds to a config is the same again after it was printed.

#include <array>

#include "base/config/config.h"
#include "fuzz.h"

namespace gptkit::fuzz {
namespace {

enum class Schedule { kConstant, kCosine };

constexpr std::array<std::pair<const char*, Schedule>, 2> enum_names(Schedule) {
  return {{{"constant", Schedule::kConstant}, {"cosine", Schedule::kCosine}}};
}

struct Model {
  static constexpr const char* kShorthand = "from";
  NameOrPath from;
  std::int64_t n_layer = 12;
  bool operator==(const Model&) const = default;
};

template <class V>
void visit_fields(Model& c, V&& visit) {
  visit("from", c.from, "published weights");
  visit("n_layer", c.n_layer, "number of blocks");
}

struct Settings {
  Model model;
  double lr = 1e-3;
  std::optional<std::int64_t> max_steps;
  bool shuffle = true;
  Schedule schedule = Schedule::kConstant;
  std::string text;
  std::filesystem::path out;
  std::vector<std::string> names;
  std::vector<Model> models;
  bool operator==(const Settings&) const = default;
};

template <class V>
void visit_fields(Settings& c, V&& visit) {
  visit("model", c.model, "the network");
  visit("lr", c.lr, "peak learning rate");
  visit("max_steps", c.max_steps, "stop after this many");
  visit("shuffle", c.shuffle, "another order every epoch");
  visit("schedule", c.schedule, "how lr moves");
  visit("text", c.text, "a text");
  visit("out", c.out, "where to write");
  visit("names", c.names, "what to call them");
  visit("models", c.models, "several networks");
}

Settings settings_of(std::string_view yaml, const char* where) {
  Settings settings;
  ConfigOrigins origins;
  bind_config(settings, parse_config(yaml, where, "/folder"), "", origins);
  return settings;
}

}  // namespace

Corpus corpus() {
  return {{"", "# nothing\n", "lr: 0.5\nmodel: gpt2\nmax_steps: null\n",
           "model:\n  from: \"a: b\"\n  n_layer: 3\nlr: 1e-4\nmax_steps: 10\nshuffle: false\n"
           "schedule: cosine\ntext: |\n  two\n  lines\nout: runs/a\nnames: [a, 'b c', \"\\t\"]\n"
           "models:\n  - gpt2\n  - {from: x, n_layer: 1}\n",
           "{lr: 1, text: 'it''s', names: one, models: [{n_layer: -1}]}\n",
           "text: >-\n  folded\n  text\n\n  more\nlr: -2.5e+3\n"}};
}

}  // namespace gptkit::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gptkit;
  return fuzz::try_input(data, size, [](std::string_view bytes) {
    const auto settings = fuzz::settings_of(bytes, "input.yaml");
    const std::string printed = config_to_yaml(settings);
    fuzz::check(fuzz::settings_of(printed, "printed.yaml") == settings,
                "a printed config reads the same");
  });
}
