#pragma once

#include <caf/typed_actor.hpp>

#include <map>
#include <string>

#include "actors/messages.hpp"

namespace leat {

// Messages that carry handles, apart from actors/messages.hpp since handles need all of
// typed_actor.

struct attach_source {
  source_actor source;
};

struct attach_router {
  router_actor router;
};

struct coordinator_peers {
  source_actor source;
  router_actor router;
  std::map<std::string, sink_actor> sinks;
};

} // namespace leat

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::attach_source)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::attach_router)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(leat::coordinator_peers)
