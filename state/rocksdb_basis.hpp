#pragma once

#include <rocksdb/options.h>
#include <rocksdb/status.h>

#include <string_view>

namespace leat {

/// What the databases of a state directory have in common. Caches, buffers and files are each one's
/// own.
rocksdb::Options basic_options(bool read_only);

inline rocksdb::Slice slice(std::string_view s) { return {s.data(), s.size()}; }

bool says(const rocksdb::Status&, std::string_view text);
/// There is no room, for whatever reason.
bool is_full(const rocksdb::Status&);

} // namespace leat
