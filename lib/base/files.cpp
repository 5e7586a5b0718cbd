#include "base/files.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <openssl/evp.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace gptkit {
namespace {

constexpr std::size_t kBuffer = std::size_t{1} << 18;
constexpr const char* kManifest = "manifest.json";
constexpr const char* kLock = ".lock";

std::string shown(const fs::path& path) { return concat("'", printable(path.string(), 400), "'"); }

std::string reason(int code) { return std::generic_category().message(code); }

/// What a person can mend by naming another file is an input error; the rest happened to us.
[[noreturn]] void fail_reading(const fs::path& path, int code) {
  constexpr std::array kInput = {ENOENT, EACCES, EPERM, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG};
  const bool input = std::find(kInput.begin(), kInput.end(), code) != kInput.end();
  throw Error(input ? Error::Kind::kInput : Error::Kind::kRuntime,
              concat("cannot read ", shown(path), ": ", reason(code)));
}

[[noreturn]] void fail_writing(const fs::path& path, int code) {
  std::error_code ignored;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : ".";
  if (code == ENOENT && !fs::exists(folder, ignored)) {
    fail_runtime("cannot write ", shown(path), ": the folder ", shown(folder), " does not exist");
  }
  fail_runtime("cannot write ", shown(path), ": ", reason(code));
}

/// Repeats a system call that a signal interrupted.
template <class Call>
auto uninterrupted(Call&& call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

/// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

int open_to_read(const fs::path& path, struct stat& info) {
  Descriptor file(uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  if (file.get() < 0 || ::fstat(file.get(), &info) != 0) fail_reading(path, errno);
  require(!S_ISDIR(info.st_mode), shown(path), " is a folder; expected a file");
  return file.release();
}

/// Reads to the end of the file in pieces: `take` gets each.
template <class Take>
void read_pieces(int fd, const fs::path& path, Take&& take) {
  const auto piece = std::make_unique<char[]>(kBuffer);
  for (;;) {
    const ssize_t n = uninterrupted([&] { return ::read(fd, piece.get(), kBuffer); });
    if (n < 0) fail_reading(path, errno);
    if (n == 0) return;
    take(std::string_view(piece.get(), static_cast<std::size_t>(n)));
  }
}

/// All of `bytes`, whatever signals and short writes come between.
void write_all(int fd, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = uninterrupted([&] { return ::write(fd, bytes.data(), bytes.size()); });
    if (n < 0) fail_writing(path, errno);
    if (n == 0) fail_writing(path, EIO);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

/// fsync; a file system or device that has nothing to sync (EINVAL) is fine. A failure is never
/// retried: the kernel may have dropped the pages already.
void sync(int fd, const fs::path& path) {
  if (uninterrupted([&] { return ::fsync(fd); }) == 0) return;
  if (errno == EINVAL || errno == EROFS || errno == ENOTSUP) return;
  fail_writing(path, errno);
}

/// close, checked: network file systems report a full disk here. Never repeated, even on EINTR.
void close_checked(int fd, const fs::path& path) {
  if (::close(fd) != 0 && errno != EINTR) fail_writing(path, errno);
}

void sync_path(const fs::path& path, int flags) {
  Descriptor opened(
      uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags); }));
  if (opened.get() < 0) fail_writing(path, errno);
  sync(opened.get(), path);
}

void sync_folder(const fs::path& folder) {
  sync_path(folder.empty() ? fs::path(".") : folder, O_DIRECTORY);
}

/// The path that a rename should replace: links are followed, so they survive; no trailing slash.
fs::path rename_target(const fs::path& path) {
  std::error_code ignored;
  fs::path target = path.has_filename() ? path : path.parent_path();
  const auto name = target.filename();
  if (fs::is_symlink(target, ignored) || name == "." || name == "..") {
    const fs::path resolved = fs::weakly_canonical(target, ignored);
    if (!resolved.empty()) target = resolved;
  }
  require(target.has_filename(), shown(path), " is not a name to write to");
  return target;
}

/// `NAME.tmp-PID-N`, made by `make`, which returns -1 with errno as system calls do.
template <class Make>
std::pair<fs::path, int> make_temporary(const fs::path& target, Make&& make) {
  static std::atomic<unsigned> next{0};
  for (;;) {
    fs::path name = target;
    name += concat(".tmp-", ::getpid(), "-", next++);
    const int result = uninterrupted([&] { return make(name); });
    if (result >= 0) return {name, result};
    if (errno != EEXIST) fail_writing(target, errno);
  }
}

bool is_leftover(const std::string& name) {
  constexpr std::string_view kDigits = "0123456789";
  const auto at = name.rfind(".tmp-");
  if (at == std::string::npos) return false;
  const std::string_view tail = std::string_view(name).substr(at + 5);
  if (tail == "removed") return true;  // a folder whose removal was cut short
  const auto dash = tail.find('-');
  if (dash == 0 || dash == std::string_view::npos || dash + 1 == tail.size()) return false;
  return tail.substr(0, dash).find_first_not_of(kDigits) == std::string_view::npos &&
         tail.substr(dash + 1).find_first_not_of(kDigits) == std::string_view::npos;
}

class Sha256 {
 public:
  Sha256() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    if (!context_ || EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) != 1) {
      fail_runtime("OpenSSL offers no SHA-256");
    }
  }

  void update(std::string_view bytes) {
    if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) {
      fail_runtime("OpenSSL failed to compute a SHA-256");
    }
  }

  std::string hex() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    if (EVP_DigestFinal_ex(context_.get(), digest.data(), &length) != 1) {
      fail_runtime("OpenSSL failed to compute a SHA-256");
    }
    constexpr std::string_view kHex = "0123456789abcdef";
    std::string out;
    for (unsigned i = 0; i < length; ++i) {
      out += kHex[digest[i] >> 4];
      out += kHex[digest[i] & 15];
    }
    return out;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

/// Calls visit(entry) for everything below a folder; a folder comes after what is in it.
template <class Visit>
void walk(const fs::path& folder, Visit&& visit) {
  std::error_code code;
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) {
    entries.push_back(*it);
  }
  if (code) fail_reading(folder, code.value());
  std::sort(entries.begin(), entries.end());
  for (const auto& entry : entries) {
    if (entry.symlink_status(code).type() == fs::file_type::directory) walk(entry.path(), visit);
    visit(entry);
  }
}

int rename_exchanging(const fs::path& a, const fs::path& b) {
  return static_cast<int>(
      ::syscall(SYS_renameat2, AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE));
}

}  // namespace

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  struct stat info {};
  const Descriptor file(open_to_read(path, info));
  if (S_ISREG(info.st_mode) && info.st_size > 0) {
    size_ = static_cast<std::size_t>(info.st_size);
    void* const at = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, file.get(), 0);
    if (at == MAP_FAILED) fail_runtime("cannot map ", shown(path), ": ", reason(errno));
    data_ = static_cast<const char*>(at);
    return;
  }
  // Pipes and the files of /proc have no size and no map: an anonymous one holds what they give.
  std::string content;
  read_pieces(file.get(), path, [&](std::string_view piece) { content += piece; });
  if (content.empty()) return;
  void* const at =
      ::mmap(nullptr, content.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) fail_runtime("cannot map ", shown(path), ": ", reason(errno));
  std::memcpy(at, content.data(), content.size());
  data_ = static_cast<const char*>(at);
  size_ = content.size();
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<char*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

std::string read_file(const fs::path& path, std::uint64_t max_bytes) {
  struct stat info {};
  const Descriptor file(open_to_read(path, info));
  const auto refuse = [&](auto bytes, const char* at_least) {
    fail(shown(path), " holds ", at_least, bytes, " bytes; at most ", max_bytes, " are accepted");
  };
  std::string content;
  if (S_ISREG(info.st_mode)) {
    const auto size = static_cast<std::uint64_t>(info.st_size);
    if (size > max_bytes) refuse(size, "");
    content.reserve(static_cast<std::size_t>(size));
  }
  read_pieces(file.get(), path, [&](std::string_view piece) {
    content += piece;
    if (content.size() > max_bytes) refuse(content.size(), "at least ");
  });
  return content;
}

AtomicFile::AtomicFile(fs::path path) : path_(rename_target(path)) {
  struct stat info {};
  const bool exists = ::stat(path_.c_str(), &info) == 0;
  require(!exists || !S_ISDIR(info.st_mode), "cannot write ", shown(path_), ": it is a folder");
  if (exists && !S_ISREG(info.st_mode)) {  // /dev/null, a pipe: renaming would replace the device
    fd_ = uninterrupted([&] { return ::open(path_.c_str(), O_WRONLY | O_CLOEXEC); });
    if (fd_ < 0) fail_writing(path_, errno);
    return;
  }
  std::tie(temporary_, fd_) = make_temporary(path_, [](const fs::path& name) {
    return ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  });
  // The new content of a file keeps its mode; where that is not possible the umask's stands.
  if (exists) [[maybe_unused]]
    const int ignored = ::fchmod(fd_, info.st_mode & 07777);
}

AtomicFile::~AtomicFile() {
  if (fd_ >= 0) ::close(fd_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::flush() {
  write_all(fd_, buffer_, path_);
  buffer_.clear();
}

void AtomicFile::write(std::string_view bytes) {
  written_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBuffer) flush();
  if (bytes.size() >= kBuffer) {
    write_all(fd_, bytes, path_);
  } else {
    buffer_ += bytes;
  }
}

void AtomicFile::write_at(std::uint64_t offset, std::string_view bytes) {
  flush();
  while (!bytes.empty()) {
    const ssize_t n = uninterrupted(
        [&] { return ::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(offset)); });
    if (n <= 0) fail_writing(path_, n < 0 ? errno : EIO);
    bytes.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
}

void AtomicFile::commit() {
  flush();
  sync(fd_, path_);
  close_checked(std::exchange(fd_, -1), path_);
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail_writing(path_, errno);
  temporary_.clear();
  sync_folder(path_.parent_path());
}

void write_file_atomic(const fs::path& path, std::string_view content) {
  AtomicFile file(path);
  file.write(content);
  file.commit();
}

void append_line(const fs::path& path, std::string_view line) {
  const Descriptor file(uninterrupted(
      [&] { return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666); }));
  if (file.get() < 0) fail_writing(path, errno);
  std::string whole(line);
  whole += '\n';
  write_all(file.get(), whole, path);
}

AtomicDirectory::AtomicDirectory(fs::path final_path) : final_(rename_target(final_path)) {
  std::error_code code;
  if (final_.has_parent_path()) fs::create_directories(final_.parent_path(), code);
  if (code) fail_writing(final_, code.value());
  temporary_ = make_temporary(final_, [](const fs::path& name) {
                 return ::mkdir(name.c_str(), 0777);
               }).first;
}

AtomicDirectory::~AtomicDirectory() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(temporary_, ignored);
}

void AtomicDirectory::commit(bool replace) {
  walk(temporary_, [](const fs::directory_entry& entry) {
    std::error_code code;
    const auto type = entry.symlink_status(code).type();
    if (type == fs::file_type::regular) sync_path(entry.path(), 0);
    if (type == fs::file_type::directory) sync_folder(entry.path());
  });
  sync_folder(temporary_);

  const fs::path parent = final_.parent_path();
  if (::rename(temporary_.c_str(), final_.c_str()) == 0) {  // free, or an empty folder
    committed_ = true;
    sync_folder(parent);
    return;
  }
  if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR) fail_writing(final_, errno);
  require(replace, shown(final_), " already exists; remove it or choose another name");

  // Exchanging both names leaves no moment without a whole folder; where the file system cannot,
  // the old one steps aside first.
  fs::path old = temporary_;
  if (rename_exchanging(temporary_, final_) != 0) {
    if (errno != EINVAL && errno != ENOSYS) fail_writing(final_, errno);
    old += "0";
    if (::rename(final_.c_str(), old.c_str()) != 0) fail_writing(final_, errno);
    if (::rename(temporary_.c_str(), final_.c_str()) != 0) {
      const int code = errno;
      ::rename(old.c_str(), final_.c_str());
      fail_writing(final_, code);
    }
  }
  committed_ = true;
  sync_folder(parent);
  std::error_code ignored;
  fs::remove_all(old, ignored);
}

void remove_leftovers(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::path> leftovers;
  for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) {
    if (is_leftover(it->path().filename().string())) leftovers.push_back(it->path());
  }
  if (code) fail_reading(folder, code.value());
  for (const auto& path : leftovers) {
    fs::remove_all(path, code);
    if (code) fail_writing(path, code.value());
  }
}

std::string sha256_hex(std::string_view bytes) {
  Sha256 digest;
  digest.update(bytes);
  return digest.hex();
}

std::string sha256_of_file(const fs::path& path) {
  struct stat info {};
  const Descriptor file(open_to_read(path, info));
  Sha256 digest;
  read_pieces(file.get(), path, [&](std::string_view piece) { digest.update(piece); });
  return digest.hex();
}

void write_manifest(const fs::path& folder) {
  Json files = Json::object();
  walk(folder, [&](const fs::directory_entry& entry) {
    std::error_code code;
    const auto type = entry.symlink_status(code).type();
    const std::string name = entry.path().lexically_relative(folder).generic_string();
    if (type == fs::file_type::directory || name == kManifest || name == kLock) return;
    if (is_leftover(entry.path().filename().string())) return;
    require(type == fs::file_type::regular, shown(entry.path()),
            " is not a regular file; a manifest lists nothing else");
    files[name] = {{"bytes", fs::file_size(entry.path(), code)},
                   {"sha256", sha256_of_file(entry.path())}};
    if (code) fail_reading(entry.path(), code.value());
  });
  write_file_atomic(folder / kManifest, dump_json(Json{{"files", files}}, 1) + "\n");
}

void verify_manifest(const fs::path& folder) {
  const fs::path manifest = folder / kManifest;
  const std::string where = printable(manifest.string(), 400);
  const Json document = parse_json(read_file(manifest, std::uint64_t{1} << 26), where);
  require(document.is_object() && document.contains("files") && document["files"].is_object(),
          where, ": expected {\"files\": {...}}");
  for (const auto& [name, entry] : document["files"].items()) {
    const fs::path relative(name);
    fs::path path = folder;
    for (const auto& part : relative) {
      require(relative.is_relative() && part != ".." && !part.empty() &&
                  name.find('\0') == std::string::npos,
              where, ": '", printable(name), "' would leave the folder");
      path /= part;
      std::error_code ignored;
      require(!fs::is_symlink(path, ignored), shown(path), " is a link; ", where,
              " vouches for regular files only");
    }
    const auto what = concat(where, ": file '", printable(name), "'");
    const std::int64_t bytes = json_int(entry, "bytes", what);
    const std::string digest = json_string(entry, "sha256", what);
    std::error_code code;
    require(fs::is_regular_file(path, code), shown(path), " is missing, but ", where,
            " lists it; the copy is incomplete");
    const auto found = fs::file_size(path, code);
    if (code) fail_reading(path, code.value());
    require(std::cmp_equal(found, bytes), shown(path), " has ", found, " bytes; ", where, " says ",
            bytes, "; the file is damaged or from another save");
    require(sha256_of_file(path) == digest, shown(path), " does not match its SHA-256 in ", where,
            "; the file is damaged or from another save");
  }
}

FolderLock::FolderLock(const fs::path& folder) {
  const fs::path path = folder / kLock;
  Descriptor file(
      uninterrupted([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666); }));
  if (file.get() < 0) fail_writing(path, errno);
  if (uninterrupted([&] { return ::flock(file.get(), LOCK_EX | LOCK_NB); }) != 0) {
    if (errno != EWOULDBLOCK) fail_runtime("cannot lock ", shown(path), ": ", reason(errno));
    std::array<char, 32> text{};
    const ssize_t n = ::pread(file.get(), text.data(), text.size() - 1, 0);
    long holder = 0;
    if (n > 0) std::from_chars(text.data(), text.data() + n, holder);
    const std::string who = holder > 0 ? concat("process ", holder) : "another process";
    fail_runtime(shown(folder), " is in use by ", who,
                 "; wait for it or stop it, or choose another folder");
  }
  const std::string pid = concat(::getpid(), "\n");
  if (::ftruncate(file.get(), 0) != 0) fail_writing(path, errno);
  write_all(file.get(), pid, path);
  fd_ = file.release();
}

FolderLock::~FolderLock() { ::close(fd_); }

fs::path gptkit_home() {
  const auto variable = [](const char* name) -> fs::path {
    const char* const value = std::getenv(name);
    return value ? value : "";
  };
  if (const fs::path home = variable("GPTKIT_HOME"); !home.empty()) return home;
  if (const fs::path cache = variable("XDG_CACHE_HOME"); !cache.empty()) return cache / "gptkit";
  if (const fs::path home = variable("HOME"); !home.empty()) return home / ".cache" / "gptkit";
  const passwd* const user = ::getpwuid(::getuid());
  require(user && user->pw_dir, "no home folder is known; set GPTKIT_HOME");
  return fs::path(user->pw_dir) / ".cache" / "gptkit";
}

}  // namespace gptkit
