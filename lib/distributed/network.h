#pragma once
// Chooses the network address of this machine for the other ranks.

#include <string>
#include <vector>

namespace gptkit {

/// The network interfaces named by GLOO_SOCKET_IFNAME (a list with commas, as in PyTorch), or none.
/// Fails naming an unknown one.
std::vector<std::string> interfaces_to_use();

/// This machine's IPv4 address on the route to `host` (a name or an address). If that is a loopback
/// address although some ranks are on other machines (a host's own name is often 127.0.1.1), the
/// first address that is not. Fails if the name is unknown.
std::string address_towards(const std::string& host, bool all_here);

}  // namespace gptkit
