// doctor: what a bug report needs to say about the machine and this build.
//   gptkit doctor > doctor.txt

#include "tasks/doctor/doctor.h"

#include <iostream>

#include "common/program.h"
#include "common/version.h"

namespace {

constexpr const char* kHelp =
    "Print what a bug report needs: versions, LibTorch, processor, kernels, memory, GPU, folders "
    "and\n"
    "environment variables. Nothing is sent anywhere.\n\n"
    "  doctor\n"
    "  doctor --json";

}  // namespace

int main(int argc, char** argv) {
  bool build_only = false;
  const auto report = [&](const gptkit::CommonOptions& common) {
    if (build_only) {
      std::cout << gptkit::version_details();
      return;
    }
    const gptkit::DoctorReport found = {gptkit::build_facts(gptkit::version(), gptkit::commit()),
                                        gptkit::machine_facts(), gptkit::surrounding_facts()};
    std::cout << (common.json ? gptkit::dump_json(to_json(found)) + "\n" : to_text(found));
  };
  return gptkit::run_program(
      {"doctor", kHelp, gptkit::version_details}, argc, argv, [&](gptkit::Program& program) {
        program.plain(report);
        program.app()
            .add_flag("--build", build_only, "only LibTorch, processor and kernels")
            ->group("");
      });
}
