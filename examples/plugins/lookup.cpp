// Adds a column with what a file says of another one. The file has lines `key,value` and is read
// when the pipeline starts; rows that came earlier keep what it said then.
//
//     [transform.country_name]
//     plugin = "./lookup.so"
//     file   = "countries.csv"
//     column = "country"
//     add    = "country_name"
#include <fstream>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "leat/plugin.hpp"

namespace {

using namespace leat::plugin;

class lookup {
 public:
  static constexpr const char* name = "lookup";
  static constexpr const char* version = "1";
  static constexpr leat_option options[] = {
      {"file", LEAT_OPTION_TEXT, 1}, {"column", LEAT_OPTION_TEXT, 1}, {"add", LEAT_OPTION_TEXT, 1}};

  static void describe(const setup& s, description& d) {
    open(s);
    s.input().column(*s.option("column"));
    d.pass_all();
    d.add(s.option("add")->c_str(), "text");
  }

  explicit lookup(const setup& s)
      : column_(s.input().column(*s.option("column"))), added_(s.output().size() - 1) {
    auto in = open(s);
    for (std::string line; std::getline(in, line);)
      if (const auto comma = line.find(','); comma != std::string::npos)
        names_.emplace(line.substr(0, comma), line.substr(comma + 1));
  }

  void process(const batch& changes, output& out) {
    for (const auto c : changes)
      out.map(c, [&](const row& r, made_row& made) {
        const auto& from = r[column_];
        if (from.is_unchanged()) return made.set_unchanged(added_);
        if (from.is_absent()) return made.set_absent(added_);
        const auto found = names_.find(std::string(from.text()));
        if (from.has_value() && found != names_.end())
          made.set(added_, leat_text(found->second.data(), found->second.size()));
      });
  }

 private:
  static std::ifstream open(const setup& s) {
    const auto path = s.path(*s.option("file"));
    std::ifstream in(path);
    if (!in) throw std::runtime_error("the file " + path.string() + " cannot be read");
    return in;
  }

  std::uint32_t column_;
  std::uint32_t added_;
  std::unordered_map<std::string, std::string> names_;
};

} // namespace

LEAT_PLUGIN(lookup)
