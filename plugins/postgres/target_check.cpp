#include "plugins/postgres/target_check.hpp"

#include <set>

#include "dataflow/taken_table.hpp"
#include "plugins/postgres/target_table.hpp"

namespace leat::postgres {

namespace {

class target_checker {
 public:
  target_checker(target_session& session, target_progress_record& progress)
      : session_(session), progress_(progress) {
    role_ = quote_identifier(session_.query("SELECT current_user").text(0, 0));
  }

  void may_make_in(const std::string& schema) {
    if (!schemas_.insert(schema).second) return;
    const auto rights = session_.ask(
        "SELECT n.oid IS NOT NULL, CASE WHEN n.oid IS NOT NULL THEN "
        "has_schema_privilege(n.oid, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE') ELSE "
        "has_database_privilege(current_database(), 'CREATE') END, quote_ident(current_database()) "
        "FROM (SELECT 1) one LEFT JOIN pg_namespace n ON n.nspname = $1",
        {schema});
    if (rights.boolean(0, 1)) return;
    const auto quoted = quote_identifier(schema);
    if (rights.boolean(0, 0))
      report("role " + role_ + " may not make tables in schema " + quoted, "schema " + quoted,
             "GRANT USAGE, CREATE ON SCHEMA " + quoted + " TO " + role_ + ";");
    else
      report("there is no schema " + quoted + ", and role " + role_ + " may not make one",
             "schema " + quoted,
             "GRANT CREATE ON DATABASE " + rights.string(0, 2) + " TO " + role_ + ";");
  }

  void may_write(const table_place& place) {
    const auto missing = session_.ask(
        "SELECT string_agg(r, ', ') FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', "
        "'TRUNCATE']) r WHERE NOT has_table_privilege($1::regclass, r)",
        {place.quoted()});
    if (missing.is_null(0, 0)) return;
    report("role " + role_ + " may not write the table", place.quoted(),
           "GRANT " + missing.string(0, 0) + " ON " + place.quoted() + " TO " + role_ + ";");
  }

  bool may_look_into(const std::string& schema) {
    const auto allowed = session_.ask(
        "SELECT coalesce(bool_and(has_schema_privilege(oid, 'USAGE')), true) FROM pg_namespace "
        "WHERE nspname = $1",
        {schema});
    return allowed.boolean(0, 0);
  }

  void check_progress(const std::string& schema) {
    if (!may_look_into(schema)) return may_make_in(schema);
    for (const auto* name : {"leat_progress", "leat_progress_table"}) {
      const table_place place{schema, name};
      if (read_table(session_, place))
        may_write(place);
      else
        may_make_in(schema);
    }
  }

  void check_route(const route& r, const table_place& place) {
    if (!may_look_into(place.schema)) return may_make_in(place.schema);
    const auto real = read_table(session_, place);
    if (!real) return may_make_in(place.schema);
    if (auto unfit = misfit(r, place, *real, wanted_columns(r, &session_))) {
      problems_.push_back(std::move(*unfit));
      return;
    }
    const auto before = problems_.size();
    may_write(place);
    if (problems_.size() != before || progress_.owns_some_of(r.target)) return;
    if (const auto other = progress_.other_owner(session_, r.target)) {
      problems_.push_back(taken_table(place.quoted(), *other));
      return;
    }
    if (session_.query("SELECT EXISTS (SELECT FROM " + place.quoted() + ")").boolean(0, 0))
      report("the target table holds rows that this pipeline has not written", place.quoted(),
             "TRUNCATE " + place.quoted() + ", or drop it, or name another target with `to`");
  }

  std::vector<error> take() { return std::move(problems_); }

 private:
  void report(const std::string& what, const std::string& place, const std::string& remedy) {
    problems_.emplace_back(error_kind::sink, what, place + " at " + session_.where(), remedy);
  }

  target_session& session_;
  target_progress_record& progress_;
  std::string role_;
  std::set<std::string> schemas_; ///< asked about
  std::vector<error> problems_;
};

} // namespace

std::vector<error> check_target(target_session& session, target_progress_record& progress,
                                const std::string& schema, const std::vector<route_ptr>& routes) {
  session.query("SET default_transaction_read_only = on");
  target_checker checker(session, progress);
  checker.check_progress(schema);
  if (checker.may_look_into(schema)) progress.look(session);
  for (const auto& r : routes) checker.check_route(*r, place_of(*r, schema));
  return checker.take();
}

} // namespace leat::postgres
