#pragma once

#include <string>

namespace leat {

// Checks of option::check: what is wrong with the text, empty when nothing is.

std::string wrong_pipeline_name(const std::string&);
std::string wrong_slot_name(const std::string&);
/// Neither a URI nor keywords: libpq would take it for the name of a database.
std::string wrong_url(const std::string&);
/// A name that PostgreSQL would cut off or refuse.
std::string wrong_identifier(const std::string&);
std::string wrong_if_empty(const std::string&);
std::string wrong_table_pattern(const std::string&);
/// schema.table without wildcards and without quotes.
std::string wrong_table_name(const std::string&);
/// A target's name in which other things stand in braces than schema and table.
std::string wrong_target_name(const std::string&);
/// ADDRESS:PORT.
std::string wrong_address(const std::string&);
/// ADDRESS:PORT, alone or after http:// or https://.
std::string wrong_http_address(const std::string&);
/// A name that cannot stand in an HTTP header: StarRocks takes databases and tables from there.
std::string wrong_header_name(const std::string&);

} // namespace leat
