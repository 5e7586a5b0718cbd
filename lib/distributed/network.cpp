#include "distributed/network.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <sstream>

#include "base/error.h"

namespace gptkit {

namespace {

struct Interface {
  std::string name;
  in_addr address;  // IPv4
};

std::string to_text(in_addr address) {
  char text[INET_ADDRSTRLEN] = "";
  ::inet_ntop(AF_INET, &address, text, sizeof text);
  return text;
}

bool is_loopback(in_addr address) { return ntohl(address.s_addr) >> 24 == 127; }

/// The interfaces that are up and have an IPv4 address.
std::vector<Interface> interfaces() {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, ::freeifaddrs);
  std::vector<Interface> found;
  for (const ifaddrs* item = list; item; item = item->ifa_next) {
    if (!item->ifa_addr || item->ifa_addr->sa_family != AF_INET || !(item->ifa_flags & IFF_UP)) {
      continue;
    }
    sockaddr_in address;
    std::memcpy(&address, item->ifa_addr, sizeof address);
    found.push_back({item->ifa_name, address.sin_addr});
  }
  return found;
}

sockaddr_in resolve(const std::string& host) {
  addrinfo wanted = {};
  wanted.ai_family = AF_INET;
  wanted.ai_socktype = SOCK_DGRAM;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &wanted, &list);
  require(error == 0, "MASTER_ADDR '", printable(host), "' has no IPv4 address here (",
          error == 0 ? "" : ::gai_strerror(error),
          "); expected a host name or an address, for example "
          "10.0.0.1");
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
  sockaddr_in address;
  std::memcpy(&address, list->ai_addr, sizeof address);
  return address;
}

}  // namespace

std::vector<std::string> interfaces_to_use() {
  const char* const set = std::getenv("GLOO_SOCKET_IFNAME");
  std::vector<std::string> names;
  std::istringstream list(set ? set : "");
  for (std::string name; std::getline(list, name, ',');) names.push_back(name);
  const auto all = interfaces();
  for (const auto& name : names) {
    const auto has_name = [&](const Interface& item) { return item.name == name; };
    if (std::any_of(all.begin(), all.end(), has_name)) continue;
    std::string known;
    for (const auto& item : all) known += (known.empty() ? "" : ", ") + item.name;
    fail("GLOO_SOCKET_IFNAME names '", printable(name),
         "', which is not an interface with an IPv4 address here; expected some of ", known);
  }
  return names;
}

std::string address_towards(const std::string& host, bool all_here) {
  auto target = resolve(host);
  target.sin_port = htons(9);  // nothing is sent: connecting only looks up the route
  sockaddr_in own = {};
  socklen_t size = sizeof own;
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool known = fd >= 0 &&
                     ::connect(fd, reinterpret_cast<sockaddr*>(&target), sizeof target) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) == 0;
  if (fd >= 0) ::close(fd);
  require(known, "MASTER_ADDR '", printable(host), "' (", to_text(target.sin_addr),
          ") cannot be reached from this machine; check its network");
  if (all_here || !is_loopback(own.sin_addr)) return to_text(own.sin_addr);
  for (const auto& item : interfaces()) {
    if (!is_loopback(item.address)) return to_text(item.address);
  }
  return to_text(own.sin_addr);
}

}  // namespace gptkit
