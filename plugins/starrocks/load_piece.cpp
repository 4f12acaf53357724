#include "plugins/starrocks/load_piece.hpp"

#include <algorithm>
#include <cstring>

namespace leat::starrocks {

namespace {

constexpr std::string_view between = ",\n";

class packer {
 public:
  void number(std::uint64_t n) {
    char bytes[sizeof n];
    std::memcpy(bytes, &n, sizeof n);
    out.append(bytes, sizeof n);
  }
  void text(std::string_view t) {
    number(t.size());
    out += t;
  }
  void texts(const std::vector<std::string>& all) {
    number(all.size());
    for (const auto& t : all) text(t);
  }

  std::string out;
};

class unpacker {
 public:
  explicit unpacker(std::string_view record) : rest_(record) {}

  std::uint64_t number() {
    std::uint64_t n = 0;
    std::memcpy(&n, rest_.data(), sizeof n);
    rest_.remove_prefix(sizeof n);
    return n;
  }
  std::string text() {
    const auto size = number();
    std::string t(rest_.substr(0, size));
    rest_.remove_prefix(size);
    return t;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> all(number());
    for (auto& t : all) t = text();
    return all;
  }

 private:
  std::string_view rest_;
};

} // namespace

std::size_t load_piece::bytes() const {
  auto all = body.size() + ends.size() * sizeof ends[0];
  for (const auto& l : letters) all += l.size() + sizeof l;
  return all;
}

bool load_piece::is_json() const {
  return std::find(headers.begin(), headers.end(),
                   std::pair<std::string, std::string>{"format", "json"})
         != headers.end();
}

std::string_view load_piece::row(std::size_t i) const {
  const auto gap = is_json() ? (i == 0 ? 1 : between.size()) : 0;
  const auto begin = (i == 0 ? 0 : ends[i - 1]) + gap;
  return std::string_view(body).substr(begin, ends[i] - begin);
}

std::string load_piece::part(std::size_t from, std::size_t to) const {
  const bool json = is_json();
  const auto* first = row(from).data();
  const auto* last = body.data() + ends[to - 1];
  const std::string_view rows(first, static_cast<std::size_t>(last - first));
  return json ? "[" + std::string(rows) + "]\n" : std::string(rows);
}

load_piece load_piece::without(const std::vector<std::size_t>& rows) const {
  load_piece made{headers, {}, key, {}, {}};
  const bool json = is_json();
  auto left_out = rows.begin();
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (left_out != rows.end() && *left_out == i) {
      ++left_out;
      continue;
    }
    if (json) made.body += made.body.empty() ? "[" : between;
    made.body += row(i);
    made.ends.push_back(static_cast<std::uint32_t>(made.body.size()));
    made.letters.push_back(letters[i]);
  }
  if (json && !made.body.empty()) made.body += "]\n";
  return made;
}

std::string pack(const std::string& table, const load_piece& p) {
  packer to;
  to.out.reserve(p.bytes() + 1024);
  to.text(table);
  to.number(p.headers.size());
  for (const auto& [name, value] : p.headers) {
    to.text(name);
    to.text(value);
  }
  to.text(p.body);
  to.texts(p.key);
  to.number(p.ends.size());
  for (const auto end : p.ends) to.number(end);
  to.texts(p.letters);
  return std::move(to.out);
}

std::string unpack(std::string_view record, load_piece& p) {
  unpacker from(record);
  auto table = from.text();
  p = {};
  p.headers.resize(from.number());
  for (auto& [name, value] : p.headers) {
    name = from.text();
    value = from.text();
  }
  p.body = from.text();
  p.key = from.texts();
  p.ends.resize(from.number());
  for (auto& end : p.ends) end = static_cast<std::uint32_t>(from.number());
  p.letters = from.texts();
  return table;
}

} // namespace leat::starrocks
