#include "plugins/starrocks/silent_peer.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace leat::starrocks {
namespace {

int option(int socket, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  getsockopt(socket, level, name, &value, &size);
  return value;
}

TEST(StarrocksSilentPeer, IsNoticedWithinAMinute) {
  const int s = socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_GE(s, 0);
  notice_silent_peer(s);
  EXPECT_EQ(option(s, SOL_SOCKET, SO_KEEPALIVE), 1);
  const int idle = option(s, IPPROTO_TCP, TCP_KEEPIDLE);
  EXPECT_LE(idle + option(s, IPPROTO_TCP, TCP_KEEPCNT) * option(s, IPPROTO_TCP, TCP_KEEPINTVL), 60);
  EXPECT_EQ(option(s, IPPROTO_TCP, TCP_USER_TIMEOUT), 60'000);
  close(s);
}

} // namespace
} // namespace leat::starrocks
