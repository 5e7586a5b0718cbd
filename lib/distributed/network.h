#pragma once
// Which of this machine's network addresses the other ranks are to use.

#include <string>
#include <vector>

namespace gptkit {

/// The network interfaces named by GLOO_SOCKET_IFNAME (a list with commas, as in PyTorch), or none.
/// Fails naming one that is not there.
std::vector<std::string> interfaces_to_use();

/// This machine's IPv4 address on the way to `host` (a name or an address). Where that is a
/// loopback address although not all ranks are here (a host's own name is often 127.0.1.1), the
/// first one of another kind. Fails when the name is unknown.
std::string address_towards(const std::string& host, bool all_here);

}  // namespace gptkit
