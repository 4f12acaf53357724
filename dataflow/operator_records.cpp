#include "dataflow/operator_records.hpp"

#include "dataflow/error.hpp"

namespace leat::operator_records {

namespace {

constexpr std::size_t data_prefix = 9; ///< a letter and two numbers

[[noreturn]] void damaged() {
  throw error(error_kind::state, "the state of transforms is damaged", "state, operators",
              "restore the state directory from a copy, or remove it with `leat drop`");
}

template <class Number>
void put(std::string& out, Number n) {
  for (int shift = 8 * (static_cast<int>(sizeof n) - 1); shift >= 0; shift -= 8)
    out += static_cast<char>((n >> shift) & 0xffU);
}

void put(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  out += text;
}

class reader {
 public:
  explicit reader(std::string_view bytes) : rest_(bytes) {}

  template <class Number>
  Number number() {
    Number n = 0;
    for (const char c : take(sizeof n))
      n = static_cast<Number>(n << 8U) | static_cast<unsigned char>(c);
    return n;
  }
  std::string text() { return std::string(take(number<std::uint32_t>())); }
  std::string rest() { return std::string(take(rest_.size())); }

 private:
  std::string_view take(std::size_t size) {
    if (rest_.size() < size) damaged();
    const auto taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
};

std::string of_sink(char letter, const std::string& sink) {
  std::string key(1, letter);
  put(key, std::string_view(sink));
  return key;
}

} // namespace

std::string encode(const space_record& r) {
  std::string out;
  put(out, r.id);
  put(out, r.generation);
  put(out, r.snapshot);
  put(out, r.keys);
  put(out, r.bytes);
  return out + r.kind;
}

space_record decode_space(std::string_view bytes) {
  reader in(bytes);
  space_record r;
  r.id = in.number<std::uint32_t>();
  r.generation = in.number<std::uint32_t>();
  r.snapshot = in.number<std::uint32_t>();
  r.keys = in.number<std::uint64_t>();
  r.bytes = in.number<std::uint64_t>();
  r.kind = in.rest();
  return r;
}

std::string encode(const undo_record& r) {
  std::string out;
  put(out, static_cast<std::uint8_t>((r.whole ? 1U : 0U) | (r.before ? 2U : 0U)));
  put(out, std::string_view(r.key));
  return out + r.before.value_or("");
}

undo_record decode_undo(std::string_view bytes) {
  reader in(bytes);
  const auto flags = in.number<std::uint8_t>();
  undo_record r{(flags & 1U) != 0, in.text(), std::nullopt};
  if ((flags & 2U) != 0) r.before = in.rest();
  return r;
}

std::string encode_number(std::uint64_t n) {
  std::string out;
  put(out, n);
  return out;
}

std::uint64_t decode_number(std::string_view bytes) {
  return reader(bytes).number<std::uint64_t>();
}

std::string encode_garbage(std::uint32_t id, std::uint32_t generation) {
  std::string out;
  put(out, id);
  put(out, generation);
  return out;
}

std::pair<std::uint32_t, std::uint32_t> decode_garbage(std::string_view bytes) {
  reader in(bytes);
  const auto id = in.number<std::uint32_t>();
  return {id, in.number<std::uint32_t>()};
}

std::string name_key(const operator_name& n) {
  auto key = of_sink('n', n.sink);
  put(key, std::string_view(n.target));
  put(key, n.table);
  put(key, n.place);
  return key + n.transform;
}

operator_name decode_name(std::string_view key) {
  reader in(key.substr(1));
  operator_name n;
  n.sink = in.text();
  n.target = in.text();
  n.table = in.number<std::uint32_t>();
  n.place = in.number<std::uint32_t>();
  n.transform = in.rest();
  return n;
}

std::string data_key(std::uint32_t id, std::uint32_t generation, std::string_view key) {
  std::string out = "d";
  put(out, id);
  put(out, generation);
  out += key;
  return out;
}

std::uint32_t space_of_data(std::string_view key) {
  return reader(key.substr(1)).number<std::uint32_t>();
}

std::string barrier_key(const std::string& sink) { return "b" + sink; }

std::string numbered(std::string prefix, std::uint64_t sequence) {
  put(prefix, sequence);
  return prefix;
}

std::string undo_prefix(const std::string& sink, epoch_id epoch) {
  return numbered(of_sink('u', sink), epoch);
}

std::string undo_end(const std::string& sink) {
  return of_sink('u', sink) + std::string(9, '\xff');
}

std::string garbage_prefix(const std::string& sink, epoch_id epoch) {
  return numbered(of_sink('g', sink), epoch);
}

std::string garbage_end(const std::string& sink) {
  return of_sink('g', sink) + std::string(9, '\xff');
}

void account(space_record& space, std::string_view key, const std::optional<std::string>& was,
             const std::optional<std::string_view>& is) {
  const auto size = key.size() - data_prefix;
  if (was) {
    --space.keys;
    space.bytes -= size + was->size();
  }
  if (is) {
    ++space.keys;
    space.bytes += size + is->size();
  }
}

} // namespace leat::operator_records
