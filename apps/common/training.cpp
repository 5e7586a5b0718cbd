#include "common/training.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "base/files.h"
#include "base/log.h"
#include "base/stop.h"
#include "base/strings.h"
#include "common/settings.h"
#include "distributed/launch.h"
#include "distributed/world.h"

namespace gptkit {

namespace {

/// Results are rank 0's to print.
void discard_output() {
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null < 0) return;
  ::dup2(null, STDOUT_FILENO);
  ::close(null);
}

/// The common options and --out --resume --overwrite --model --tensorboard --nproc.
void add_training_options(CLI::App& app, TrainingOptions& options) {
  add_common_options(app, options.common);
  app.add_option("-o,--out", options.out,
                 "run folder: model/, checkpoints/, metrics.jsonl, loss.svg [runs/<config's name>]")
      ->type_name("FOLDER");
  app.add_option("-m,--model", options.model, "model folder or name to start from")
      ->type_name("PATH");
  auto* resume =
      app.add_flag("--resume", options.resume, "resume from the newest checkpoint in --out");
  app.add_flag("--overwrite", options.overwrite,
               "replace the run in --out after the first step of the new one succeeds")
      ->excludes(resume);
  app.add_flag("--tensorboard", options.tensorboard,
               "also write the metrics as a TensorBoard event file");
  app.add_option(
         "--nproc", options.processes,
         "train in N processes on this machine, which share --threads (for several machines see "
         "apps/guide/several-machines.md)")
      ->check(integer_in(1, 1024))
      ->type_name("N");
}

TaskRequest to_request(const CLI::App& app, const TrainingOptions& options,
                       const std::string& model_key) {
  TaskRequest request;
  request.program = options.program;
  request.inputs = to_inputs(options.common);
  auto& overrides = request.inputs.overrides;
  if (options.common.seed) {
    overrides.push_back({"seed", std::to_string(*options.common.seed), "--seed"});
  }
  if (app.count("--device") > 0) overrides.push_back({"device", options.common.device, "--device"});
  if (!options.model.empty()) {
    overrides.push_back({model_key, yaml_text(options.model), "--model"});
  }
  if (options.tensorboard) overrides.push_back({"train.tensorboard", "true", "--tensorboard"});
  request.out = options.out;
  request.mode = options.resume      ? RunMode::kResume
                 : options.overwrite ? RunMode::kOverwrite
                                     : RunMode::kNew;
  // The processes of --nproc share what one would have.
  const int share = static_cast<int>(options.common.threads / options.processes);
  request.threads = std::max(1, share);
  return request;
}

int run_as_rank(const char* name, const std::function<void(World&)>& body) {
  auto& world = *new World;  // never destroyed: LibTorch's threads may hang, see is_broken()
  const int code = run_app(name, [&] {
    if (!rank_environment().is_main()) discard_output();
    try {
      body(world);
    } catch (const Stopped&) {
      throw;
    } catch (const std::exception& error) {
      const std::string message = formed(error.what());
      world.announce_failure(message.substr(0, message.find('\n')));
      throw;
    }
  });
  if (!world.is_broken()) return code;
  std::cerr << std::flush;
  ::_exit(code);
}

}  // namespace

int run_training_program(const TrainingProgram& program, int argc, char** argv) {
  static const std::string shown = shown_name(program.about.name, argv);
  return run_as_rank(shown.c_str(), [&](World& world) {
    TrainingOptions options;
    options.program = shown;
    options.argv = argv;
    CLI::App app(program.about.help, shown);
    add_training_options(app, options);
    if (program.more_options) program.more_options(app);
    parse(app, argc, argv, program.about.details);
    const auto request = to_request(app, options, program.model_key);
    if (options.common.print_config) {
      std::cout << program.resolved_config(request.inputs);
    } else {
      program.run(request, options, world);
    }
  });
}

void launch_if_asked(const TrainingOptions& options) {
  if (options.processes == 1 || is_launched()) return;
  require(rank_environment().world_size == 1, Key{"nproc"}, " ", options.processes,
          ": WORLD_SIZE says that a launcher has already started the processes; leave ",
          Key{"nproc"}, " out");
  const auto outcome = launch_ranks(options.program, options.processes, options.argv);
  std::cerr << formed(outcome.messages) << std::flush;
  ::_exit(outcome.exit_code);
}

void print_run(const std::filesystem::path& run, const TrainSummary& summary, bool json,
               const OrderedJson& more) {
  // The folder of folds holds neither: each fold has its own.
  const auto model = run / "model", plot = run / "loss.svg";
  OrderedJson result = {{"run", run.string()}};
  if (is_there(model)) result["model"] = model.string();
  result["steps"] = summary.steps;
  result["tokens"] = summary.tokens;
  result["seconds"] = summary.seconds;
  result["finished_before"] = summary.was_finished;
  for (const auto& [name, value] : summary.last_evaluation) result[name] = value;
  for (const auto& [name, value] : more.items()) result[name] = value;
  if (json) {
    std::cout << dump_json(result) << '\n';
    return;
  }
  std::cout << (summary.was_finished ? "finished before: " : "trained  ")
            << format_count(summary.steps) << " steps, " << format_count(summary.tokens)
            << " tokens in " << format_duration(summary.seconds) << '\n';
  for (const auto& [name, value] : summary.last_evaluation) {
    std::cout << name << "  " << value << '\n';
  }
  if (is_there(model)) std::cout << "model    " << model.string() << '\n';
  if (is_there(plot)) std::cout << "plot     " << plot.string() << '\n';
}

}  // namespace gptkit
