#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leat::sql {

// Texts of simple types, as PostgreSQL reads and writes them. Readers throw evaluation_error.

std::string_view trimmed_spaces(std::string_view);
std::string lower_ascii(std::string_view);

bool parse_boolean(std::string_view);
std::int64_t parse_integer(std::string_view, std::int64_t least, std::int64_t most,
                           const char* type);
double parse_double(std::string_view);
float parse_float(std::string_view);

/// The shortest text that reads back as the same number (extra_float_digits = 1).
void print_double(std::string& out, double);
void print_float(std::string& out, float);

/// Raw bytes of `\x01ff` or of the escape format.
std::string parse_bytea(std::string_view);
/// The escape format alone.
std::string parse_escaped_bytes(std::string_view);
void print_bytea(std::string& out, std::string_view bytes);

std::string parse_uuid(std::string_view);

/// Characters (not bytes) of UTF-8.
std::size_t count_characters(std::string_view);
/// Bytes of the first n characters.
std::size_t bytes_of(std::string_view, std::size_t n);

/// varchar(n) and character(n): cut where what is cut is spaces, or `explicitly`.
std::string fit_varchar(std::string_view, int n);
std::string fit_bpchar(std::string_view, int n);
std::string_view without_trailing_spaces(std::string_view);

} // namespace leat::sql
