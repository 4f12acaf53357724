#pragma once

namespace leat::starrocks {

/// Has a connection fail a minute after its peer has gone silent: a host without power or network
/// says nothing, and an answer may take an hour. Of a TCP socket.
void notice_silent_peer(int socket);

} // namespace leat::starrocks
