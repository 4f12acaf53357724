#pragma once

#include <map>
#include <string>
#include <vector>

#include "plugins/shared_objects/library.hpp"

namespace leat::shared_objects {

/// The plugin's keys of a [transform.NAME], by name: strings without quotes, others as JSON. `json`
/// is an object. Throws leat::error of kind usage for a key that the plugin does not
/// declare, a value of another kind, and a required one that is missing; its place is the key.
std::map<std::string, std::string> read_option_values(const std::string& json, const library&);

} // namespace leat::shared_objects
