#include "common/surroundings.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <climits>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string_view>

#include "base/error.h"
#include "base/files.h"
#include "base/stop.h"
#include "base/temporaries.h"

namespace gptkit {
namespace {

constexpr std::size_t kThreadStack = std::size_t{8} << 20;

const char* program_name = "";

void say(const char* text) {
  [[maybe_unused]] const auto n = ::write(STDERR_FILENO, text, std::strlen(text));
}

/// An exception that nobody can catch: out of memory while LibTorch is loaded, or in a thread of
/// its.
void on_terminate() {
  remove_temporaries();
  say(program_name);
  try {
    if (const auto error = std::current_exception()) std::rethrow_exception(error);
    say(": an internal error");
  } catch (const std::bad_alloc&) {
    say(": out of memory; use smaller sizes or a machine with more memory");
  } catch (const std::exception& error) {
    say(": an internal error: ");
    say(error.what());
  } catch (...) {
    say(": an internal error");
  }
  say("\n");
  ::_exit(1);
}

int folder_error = 0;  // why the working folder has no name

/// MKL asks for the working folder when LibTorch is loaded, before main(), and ends the process
/// when there is none. So it gets another one, until check_surroundings() says what is wrong.
__attribute__((no_sanitize("address", "undefined"))) void before_libraries(int argc, char** argv,
                                                                           char**) {
  static char folder[PATH_MAX];
  if (argc > 0) {
    const char* const slash = std::strrchr(argv[0], '/');
    program_name = slash ? slash + 1 : argv[0];
  }
  std::set_terminate(on_terminate);
  if (::syscall(SYS_getcwd, folder, sizeof folder) >= 0) return;
  folder_error = errno;
  if (::chdir("/") != 0) ::_exit(1);
}

/// Called by the loader before the constructors of any library.
__attribute__((section(".preinit_array"),
               used)) void (*const kBeforeLibraries)(int, char**, char**) = before_libraries;

/// A page of a mapped file is gone. No way leads back from here into the code that wanted it.
void on_bus_error(int signal, siginfo_t* info, void*) {
  const auto lost = lost_page(info->si_addr);
  remove_temporaries();
  if (!lost.path) {  // a bug of ours or of LibTorch: it happens again, and is not hidden
    std::signal(signal, SIG_DFL);
    return;
  }
  say(program_name);
  say(": ");
  say(lost.path);
  say(": ");
  say(lost.reason);
  say("\n");
  ::_exit(1);
}

void explain_bus_errors() {
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigfillset(&action.sa_mask);
  sigaction(SIGBUS, &action, nullptr);
}

/// A closed descriptor 0, 1 or 2 would be taken by the first file opened.
void open_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) != -1 || errno != EBADF) continue;
    // The wrong way round on purpose: using it is still an error.
    const int opened = ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (opened != fd && opened >= 0) ::close(opened);
  }
}

/// MKL needs some MB in each thread of OpenMP, and crashes without them. Threads get what
/// `ulimit -s` says (2 MB when that is `unlimited`), unless the process says something else.
void set_thread_stacks() {
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return;
  pthread_attr_setstacksize(&attributes, kThreadStack);
  pthread_setattr_default_np(&attributes);
  pthread_attr_destroy(&attributes);
}

/// OpenMP's own variable comes before what the process says, and libgomp has read it already.
void check_stack_variable(const char* name) {
  constexpr std::uint64_t kLeast = 4 << 20;
  const char* const set = std::getenv(name);
  if (!set) return;
  const std::string_view text(set);
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), bytes);
  if (error != std::errc()) return;  // libgomp warns and goes on without it
  const char unit = end == text.data() + text.size() ? 'K' : *end;
  for (const char larger : {'B', 'K', 'M', 'G'}) {
    if (std::toupper(static_cast<unsigned char>(unit)) == larger) break;
    bytes *= 1024;
  }
  require(bytes >= kLeast, name, " is '", printable(text),
          "'; LibTorch's threads need at least 4M: unset it, or set it to 8M");
}

/// The main thread's grows as far as the limit of the moment lets it.
void raise_main_stack() {
  rlimit limit = {};
  if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur >= kThreadStack) return;
  limit.rlim_cur = std::min<rlim_t>(kThreadStack, limit.rlim_max);
  setrlimit(RLIMIT_STACK, &limit);
}

}  // namespace

void prepare_surroundings(const char* program) {
  program_name = program;
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // write() then says that the file is too large
  explain_bus_errors();
  end_on_stop_signals(program);
  open_standard_descriptors();
  set_thread_stacks();
  raise_main_stack();
}

void check_surroundings() {
  require(folder_error == 0, "the working folder cannot be found: ", std::strerror(folder_error),
          "; if it was removed, change to one that exists");
  for (const char* name : {"OMP_STACKSIZE", "GOMP_STACKSIZE"}) check_stack_variable(name);
}

}  // namespace gptkit
