#include "tasks/doctor/doctor.h"

#include <ATen/Context.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <sys/utsname.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <clocale>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "base/strings.h"
#include "kernels/dispatch.h"

namespace gptkit {

namespace {

constexpr const char* kFlags[] = {"avx2",        "fma",      "avx512f",  "avx512bw", "avx512_bf16",
                                  "avx512_vnni", "amx_bf16", "amx_int8", "amx_tile", "asimd",
                                  "bf16",        "i8mm",     "sve"};
constexpr const char* kVariables[] = {"GPTKIT_HOME",
                                      "GPTKIT_ISA",
                                      "OMP_NUM_THREADS",
                                      "OMP_STACKSIZE",
                                      "GOMP_CPU_AFFINITY",
                                      "KMP_AFFINITY",
                                      "ATEN_CPU_CAPABILITY",
                                      "ONEDNN_MAX_CPU_ISA",
                                      "CUDA_VISIBLE_DEVICES",
                                      "LD_PRELOAD",
                                      "LD_LIBRARY_PATH",
                                      "NO_COLOR",
                                      "TMPDIR"};

/// "key : value" lines of a file in /proc; the first with this key.
std::string proc_value(const char* path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(':');
    if (!line.starts_with(key) || colon == line.npos) continue;
    const auto name = line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
    if (name != key) continue;
    const auto begin = line.find_first_not_of(" \t", colon + 1);
    return begin == line.npos ? "" : line.substr(begin);
  }
  return {};
}

int64_t proc_bytes(std::string_view key) {
  const auto text = proc_value("/proc/meminfo", key);  // "16384 kB"
  return text.empty() ? 0 : std::strtoll(text.c_str(), nullptr, 10) * 1024;
}

std::string processor() {
  auto model = proc_value("/proc/cpuinfo", "model name");
  if (model.empty()) model = proc_value("/proc/cpuinfo", "CPU part");
  utsname system = {};
  ::uname(&system);
  return model.empty() ? std::string(system.machine) : concat(model, " (", system.machine, ")");
}

std::vector<std::string> processor_flags() {
  auto text = proc_value("/proc/cpuinfo", "flags");
  if (text.empty()) text = proc_value("/proc/cpuinfo", "Features");
  std::istringstream words(text);
  std::set<std::string> has;
  for (std::string word; words >> word;) has.insert(word);
  std::vector<std::string> flags;
  for (const char* flag : kFlags) {
    if (has.contains(flag)) flags.emplace_back(flag);
  }
  return flags;
}

std::string libtorch_path() {
  Dl_info info = {};
  const bool found = ::dladdr(reinterpret_cast<const void*>(&at::get_cpu_capability), &info) != 0;
  return found && info.dli_fname ? info.dli_fname : "";
}

std::string compiler() {
#ifdef __clang__
  return __VERSION__;
#else
  return concat("g++ ", __VERSION__);
#endif
}

std::string kernel_levels() {
  return concat(describe_kernels(), "; LibTorch's own ", at::get_cpu_capability());
}

std::string system_name() {
  utsname system = {};
  ::uname(&system);
  return concat(system.sysname, " ", system.release, ", glibc ", ::gnu_get_libc_version());
}

std::vector<std::string> gpus() {
  std::vector<std::string> found;
  if (!at::hasCUDA()) return found;
  const auto& hooks = at::detail::getCUDAHooks();
  for (int i = 0; i < static_cast<int>(hooks.deviceCount()); ++i) {
    found.push_back(concat("cuda:", i));
  }
  return found;
}

bool holds_weights(const fs::path& folder) {
  std::error_code code;
  for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) {
    const auto extension = it->path().extension();
    if (extension == ".safetensors" || extension == ".gguf" || extension == ".bin" ||
        it->path().filename() == "hparams.json") {
      return true;
    }
  }
  return false;
}

std::vector<std::string> models_in(const fs::path& home) {
  std::vector<std::string> names;
  std::error_code code;
  for (fs::directory_iterator it(home, code), end; !code && it != end; it.increment(code)) {
    if (holds_weights(it->path())) names.push_back(it->path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// The reason why no file can be written in the folder; empty if one can.
std::string write_problem(const fs::path& folder) {
  try {
    const auto probe = folder / concat(".gptkit-doctor-", ::getpid());
    write_file_atomic(probe, "probe");
    fs::remove(probe);
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

std::string shown_list(const std::vector<std::string>& items) {
  return items.empty() ? "none" : join(items);
}

}  // namespace

BuildFacts build_facts(const std::string& version, const std::string& commit) {
  return {version, commit, compiler(), TORCH_VERSION, libtorch_path()};
}

MachineFacts machine_facts() {
  return {.system = system_name(),
          .processor = processor(),
          .flags = processor_flags(),
          .kernels = kernel_levels(),
          .cores = physical_cores(),
          .threads = static_cast<int64_t>(std::thread::hardware_concurrency()),
          .memory_bytes = proc_bytes("MemTotal"),
          .available_bytes = proc_bytes("MemAvailable"),
          .gpus = gpus(),
          .cuda_build = at::hasCUDA()};
}

SurroundingFacts surrounding_facts() {
  SurroundingFacts facts;
  std::error_code code;
  try {
    facts.home = gptkit_home().string();
    facts.cached_models = models_in(facts.home);
  } catch (const Error& error) {
    facts.home = error.what();
  }
  facts.temporary_folder = fs::temp_directory_path(code).string();
  facts.temporary_problem =
      code ? "there is none: " + code.message() : write_problem(facts.temporary_folder);
  const char* const locale = std::setlocale(LC_ALL, "");
  facts.locale = locale ? locale : "LANG or LC_* names a locale that is not installed";
  for (const char* name : kVariables) {
    if (const char* const value = std::getenv(name)) {
      facts.variables.push_back(concat(name, "=", printable(value)));
    }
  }
  return facts;
}

OrderedJson to_json(const DoctorReport& report) {
  const auto& [build, machine, around] = report;
  return {{"version", build.version},
          {"commit", build.commit},
          {"compiler", build.compiler},
          {"libtorch", build.libtorch},
          {"libtorch_path", build.libtorch_path},
          {"system", machine.system},
          {"processor", machine.processor},
          {"processor_flags", machine.flags},
          {"kernels", machine.kernels},
          {"physical_cores", machine.cores},
          {"hardware_threads", machine.threads},
          {"memory_bytes", machine.memory_bytes},
          {"available_bytes", machine.available_bytes},
          {"cuda_build", machine.cuda_build},
          {"gpus", machine.gpus},
          {"home", around.home},
          {"cached_models", around.cached_models},
          {"temporary_folder", around.temporary_folder},
          {"temporary_folder_problem", around.temporary_problem},
          {"locale", around.locale},
          {"variables", around.variables}};
}

std::string to_text(const DoctorReport& report) {
  const auto& [build, machine, around] = report;
  const auto bytes = [](int64_t n) { return format_bytes(static_cast<double>(n)); };
  return concat(
      "gptkit       ", build.version, ", commit ", build.commit, "\ncompiler     ", build.compiler,
      "\nLibTorch     ", build.libtorch, ", ", build.libtorch_path, "\nsystem       ",
      machine.system, "\nprocessor    ", machine.processor, "\nflags        ",
      shown_list(machine.flags), "\nkernels      ", machine.kernels, "\ncores        ",
      machine.cores, " physical, ", machine.threads, " hardware threads\nmemory       ",
      bytes(machine.memory_bytes), ", ", bytes(machine.available_bytes),
      " available\nGPU          ",
      machine.cuda_build ? shown_list(machine.gpus) : "this LibTorch is built without CUDA",
      "\nmodels       ", around.home, ": ", shown_list(around.cached_models), "\ntemporary    ",
      around.temporary_folder,
      around.temporary_problem.empty() ? ", writable" : ": " + around.temporary_problem,
      "\nlocale       ", around.locale, "\nvariables    ", shown_list(around.variables), "\n");
}

std::string version_details() {
  return concat("LibTorch   ", TORCH_VERSION, "\nprocessor  ", processor(), "\nkernels    ",
                kernel_levels(), "\n");
}

}  // namespace gptkit
