#include "plugins/postgres/connection_words.hpp"

#include <libpq-fe.h>

#include <array>
#include <memory>
#include <string_view>

namespace leat::postgres {

namespace {

constexpr const char* encode =
    "percent-encode user and password in the URL (% is %25, @ is %40, / is %2F, : is %3A), or give "
    "`user` and `password` as keys of their own";
constexpr const char* quote =
    "put values with spaces between single quotes, with \\ before ' and \\ of theirs, or give "
    "`password` as a key of its own";
constexpr const char* name_options =
    "`leat help config source` lists the names; percent-encode & and = of values in a URL, and "
    "put values with spaces of a keyword string between single quotes";

struct fault {
  std::string_view text; ///< in libpq's message
  const char* what;
  const char* remedy;
};

constexpr std::array<fault, 8> faults{{
    {"percent-encoded", "the URL has a % that no two hexadecimal digits follow", encode},
    {"IPv6 host address", "the URL has a [ without its ]",
     "write an IPv6 address as [::1], and percent-encode [ and ] elsewhere"},
    {"unexpected character", "the URL goes on after the ] of its address", encode},
    {"in URI query parameter", "the URL has a parameter without = or with two of them",
     name_options},
    {"URI query parameter", "the URL has a parameter that libpq does not know", name_options},
    {"missing \"=\"", "the connection string has a word without =", quote},
    {"unterminated quoted string", "the connection string has a quote without its end", quote},
    {"invalid connection option", "the connection string has a keyword that libpq does not know",
     name_options},
}};

wrong_words explain(std::string_view message) {
  for (const auto& f : faults)
    if (message.find(f.text) != message.npos) return {f.what, f.remedy};
  return {"libpq cannot take the URL apart", encode};
}

/// libpq ends user and password at the first @, or finds none before the first slash: the rest of
/// them would be the name of a server or of a database, which are printed.
bool has_stray_at(std::string_view uri) {
  uri.remove_prefix(uri.find("://") + 3);
  const auto slash = uri.find('/');
  const auto at = uri.find('@');
  if (at < slash) uri.remove_prefix(at + 1);
  return uri.substr(0, uri.find('?')).find('@') != uri.npos;
}

bool is_port(std::string_view text) { return text.find_first_not_of("0123456789,") == text.npos; }

} // namespace

bool is_conninfo(const std::string& dbname) {
  return dbname.starts_with("postgresql://") || dbname.starts_with("postgres://")
         || dbname.find('=') != dbname.npos;
}

std::optional<wrong_words> find_wrong_words(const connection_parameters& parameters) {
  const auto found = parameters.find("dbname");
  if (found == parameters.end()) return std::nullopt;
  const auto& text = found->second;
  const bool uri = text.starts_with("postgresql://") || text.starts_with("postgres://");
  const auto scheme = text.find("://");
  if (!uri && scheme != text.npos && scheme < text.find('='))
    return wrong_words{"the URL does not begin with postgresql://",
                       "write postgresql://USER@HOST/DATABASE"};
  if (!is_conninfo(text)) return std::nullopt;
  if (uri && has_stray_at(text))
    return wrong_words{"the URL has an @ behind the one that ends user and password", encode};
  char* message = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parts(
      PQconninfoParse(text.c_str(), &message), &PQconninfoFree);
  const std::unique_ptr<char, decltype(&PQfreemem)> owned(message, &PQfreemem);
  if (!parts) return explain(message == nullptr ? "" : message);
  for (const auto* part = parts.get(); part->keyword != nullptr; ++part)
    if (std::string_view(part->keyword) == "port" && part->val != nullptr && !is_port(part->val))
      return wrong_words{"the port is no number", uri ? encode : "write a number after port="};
  return std::nullopt;
}

} // namespace leat::postgres
