#pragma once

#include <charconv>
#include <cstdint>
#include <deque>
#include <exception>
#include <filesystem>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include "leat/plugin.h"

/// leat/plugin.h for C++20. A plugin is a class:
///
///     struct shout {
///       static constexpr const char* name = "shout";
///       static constexpr const char* version = "1";
///       explicit shout(const leat::plugin::setup& s) : column_(s.input().column("name")) {}
///       void process(const leat::plugin::batch& changes, leat::plugin::output& out) {
///         for (const auto c : changes)
///           out.map(c, [&](const auto& row, auto& made) {
///             if (row[column_].has_value()) made.set(column_, std::string(row[column_].text()) +
///             "!");
///           });
///       }
///       std::uint32_t column_;
///     };
///     LEAT_PLUGIN(shout)
///
/// It may also have: `static constexpr leat_option options[]`, `static constexpr bool keeps_state`,
/// `static constexpr std::uint32_t needs` (an older revision of leat that will do), `static void
/// describe(const setup&, description&)` and `void flush(output&)`. Exceptions end in the wrapper
/// and become the pipeline's error. What leat/plugin.h says of threads and ownership holds: batch,
/// change, row, cell, setup, description and output live as long as the call.
namespace leat::plugin {

/// Thrown by functions of leat that failed: let it pass.
struct interrupted : std::exception {
  const char* what() const noexcept override { return "leat ends the call"; }
};

/// A row cannot be transformed. Within output::map() it rejects the row; elsewhere it ends the
/// call.
struct bad_row : std::runtime_error {
  using std::runtime_error::runtime_error;
};

namespace detail {
inline void check(int code) {
  if (code < 0) throw interrupted();
}
} // namespace detail

/// A cell that came.
class cell {
 public:
  cell(const leat_batch& b, leat_cell c) : batch_(&b), cell_(c) {}

  bool has_value() const { return leat_state(cell_) == LEAT_VALUE; }
  bool is_null() const { return leat_state(cell_) == LEAT_NULL; }
  bool is_unchanged() const { return leat_state(cell_) == LEAT_UNCHANGED; }
  bool is_absent() const { return leat_state(cell_) == LEAT_ABSENT; }

  /// As PostgreSQL prints it; empty when there is no value.
  std::string_view text() const {
    if (!has_value()) return {};
    return {leat_data(batch_, cell_), leat_size(cell_)};
  }

  /// A number, bool or text; nothing when there is no value. Throws bad_row when the text is no T.
  template <class T>
  std::optional<T> get() const {
    if (!has_value()) return std::nullopt;
    const auto t = text();
    if constexpr (std::is_same_v<T, bool>) {
      return t == "t" || t == "true";
    } else if constexpr (std::is_arithmetic_v<T>) {
      T number{};
      const auto [end, failed] = std::from_chars(t.data(), t.data() + t.size(), number);
      if (failed != std::errc{} || end != t.data() + t.size())
        throw bad_row("\"" + std::string(t.substr(0, 60)) + "\" is no number of that size");
      return number;
    } else {
      return T(t);
    }
  }

  leat_value value() const { return leat_value_of(batch_, cell_); }

 private:
  const leat_batch* batch_;
  leat_cell cell_;
};

/// A row that came: empty where the change has none.
class row {
 public:
  row(const leat_batch& b, const leat_cell* cells) : batch_(&b), cells_(cells) {}

  explicit operator bool() const { return cells_ != nullptr; }
  std::uint32_t size() const { return cells_ == nullptr ? 0 : batch_->width; }
  cell operator[](std::uint32_t column) const { return {*batch_, cells_[column]}; }

 private:
  const leat_batch* batch_;
  const leat_cell* cells_;
};

enum class kind : std::uint32_t {
  insert = LEAT_INSERT,
  update = LEAT_UPDATE,
  remove = LEAT_REMOVE,
  truncate = LEAT_TRUNCATE,
  read = LEAT_READ
};

enum class old_kind : std::uint32_t {
  none = LEAT_OLD_NONE,
  key = LEAT_OLD_KEY,
  full = LEAT_OLD_FULL
};

/// One change of a row.
class change {
 public:
  change(const leat_batch& b, std::uint32_t number)
      : batch_(&b), change_(leat_change_at(&b, number)), number_(number) {}

  std::uint32_t number() const { return number_; }
  plugin::kind kind() const { return static_cast<plugin::kind>(change_->kind); }
  plugin::old_kind old_kind() const { return static_cast<plugin::old_kind>(change_->old_kind); }
  row new_row() const { return {*batch_, change_->new_row}; }
  row old_row() const { return {*batch_, change_->old_row}; }
  /// The rest: xid, commit_lsn, commit_time, index.
  const leat_change& raw() const { return *change_; }

 private:
  const leat_batch* batch_;
  const leat_change* change_;
  std::uint32_t number_;
};

/// Changes of one table, in the stream's order.
class batch {
 public:
  explicit batch(const leat_batch& b) : batch_(&b) {}

  class iterator {
   public:
    using value_type = change;
    using difference_type = std::ptrdiff_t;
    iterator(const leat_batch& b, std::uint32_t i) : batch_(&b), number_(i) {}
    change operator*() const { return {*batch_, number_}; }
    iterator& operator++() { return ++number_, *this; }
    bool operator==(const iterator& o) const { return number_ == o.number_; }
    bool operator!=(const iterator& o) const { return number_ != o.number_; }

   private:
    const leat_batch* batch_;
    std::uint32_t number_;
  };

  std::uint32_t size() const { return batch_->count; }
  change operator[](std::uint32_t i) const { return {*batch_, i}; }
  iterator begin() const { return {*batch_, 0}; }
  iterator end() const { return {*batch_, batch_->count}; }

 private:
  const leat_batch* batch_;
};

/// Columns and key of an input or output.
class schema {
 public:
  explicit schema(const leat_schema* s) : schema_(s) {}

  std::uint32_t size() const { return schema_->width; }
  const leat_column& operator[](std::uint32_t i) const { return *leat_column_at(schema_, i); }
  std::optional<std::uint32_t> find(const char* name) const {
    const auto i = leat_find_column(schema_, name);
    if (i < 0) return std::nullopt;
    return static_cast<std::uint32_t>(i);
  }
  /// Throws when there is no such column.
  std::uint32_t column(const std::string& name) const {
    if (const auto i = find(name.c_str())) return *i;
    throw std::runtime_error("there is no column \"" + name + "\" in " + schema_->schema + "."
                             + schema_->table);
  }
  std::vector<std::uint32_t> key() const {
    return {schema_->key, schema_->key + schema_->key_count};
  }
  const leat_schema& raw() const { return *schema_; }

 private:
  const leat_schema* schema_;
};

/// The section of the pipeline file, and the tables.
class setup {
 public:
  explicit setup(leat_context* c) : context_(c) {}

  std::optional<std::string> option(const char* name) const {
    const char* text = context_->host->option(context_, name);
    if (text == nullptr) return std::nullopt;
    return std::string(text);
  }
  std::string option(const char* name, const std::string& otherwise) const {
    return option(name).value_or(otherwise);
  }
  /// All options, as a JSON object.
  std::string_view options() const { return {context_->options, context_->options_size}; }
  /// A relative path, from the pipeline file's directory.
  std::filesystem::path path(const std::string& relative) const {
    return std::filesystem::path(context_->directory) / relative;
  }
  schema input() const { return schema(context_->input); }
  /// Not in describe().
  schema output() const {
    if (context_->output == nullptr) throw std::logic_error("there is no output yet");
    return schema(context_->output);
  }

 private:
  leat_context* context_;
};

/// What comes out, column by column. Without any call it is the input.
class description {
 public:
  explicit description(leat_context* c) : context_(c) {}

  /// A column of the input, whose cells go out as they came.
  void pass(std::uint32_t column) { detail::check(context_->host->pass_column(context_, column)); }
  void pass_all() {
    for (std::uint32_t i = 0; i < context_->input->width; ++i) pass(i);
  }
  /// `type` as PostgreSQL writes it. `identity`: old rows bring it; a key needs that.
  void add(const char* name, const char* type, bool nullable = true, bool identity = false) {
    leat_column c{};
    c.identity = identity ? 1 : 0;
    c.name = name;
    c.type = type;
    c.nullable = nullable ? 1 : 0;
    detail::check(context_->host->add_column(context_, &c));
  }
  void key(const std::vector<std::uint32_t>& output_columns) {
    detail::check(context_->host->set_key(context_, output_columns.data(),
                                          static_cast<std::uint32_t>(output_columns.size())));
  }

 private:
  leat_context* context_;
};

/// A row to emit, of the output's columns. Keeps the texts that it was given.
class made_row {
 public:
  explicit made_row(std::size_t width) : values_(width, leat_null()) {}

  std::size_t size() const { return values_.size(); }
  const leat_value* data() const { return values_.data(); }

  void set(std::uint32_t column, std::string text) {
    const auto& kept = texts_.emplace_back(std::move(text));
    values_.at(column) = leat_text(kept.data(), kept.size());
  }
  void set(std::uint32_t column, const char* text) { set(column, std::string(text)); }
  void set(std::uint32_t column, std::string_view text) { set(column, std::string(text)); }
  template <class T>
  requires std::is_arithmetic_v<T>
  void set(std::uint32_t column, T number) {
    if constexpr (std::is_same_v<T, bool>) {
      set(column, std::string(number ? "t" : "f"));
    } else {
      char text[64];
      const auto end = std::to_chars(text, text + sizeof text, number).ptr;
      set(column, std::string(text, end));
    }
  }
  /// Not copied: the bytes must live until the row is emitted.
  void set(std::uint32_t column, leat_value v) { values_.at(column) = v; }
  void set(std::uint32_t column, const cell& c) { set(column, c.value()); }
  void set_null(std::uint32_t column) { set_state(column, LEAT_NULL); }
  void set_unchanged(std::uint32_t column) { set_state(column, LEAT_UNCHANGED); }
  void set_absent(std::uint32_t column) { set_state(column, LEAT_ABSENT); }

  /// The input's cells in the columns that both have by number, and `rest` in those beyond.
  void copy(const row& from, std::uint32_t rest = LEAT_NULL) {
    texts_.clear();
    for (std::uint32_t i = 0; i < values_.size(); ++i) {
      if (i < from.size())
        values_[i] = from[i].value();
      else
        set_state(i, rest);
    }
  }

 private:
  void set_state(std::uint32_t column, std::uint32_t state) {
    auto v = leat_null();
    v.state = state;
    values_.at(column) = v;
  }

  std::vector<leat_value> values_;
  std::deque<std::string> texts_; ///< stay where they are
};

/// What becomes of a batch; the keyed state.
class output {
 public:
  explicit output(leat_context* c)
      : context_(c), new_row_(c->output->width), old_row_(c->output->width) {}

  /// The change goes out as it came.
  void keep(const change& c) { detail::check(context_->host->keep(context_, c.number())); }

  void insert(const change& from, const made_row& r) { send(from.number(), kind::insert, &r); }
  void read(const change& from, const made_row& r) { send(from.number(), kind::read, &r); }
  /// The key did not change.
  void update(const change& from, const made_row& r) { send(from.number(), kind::update, &r); }
  void update(const change& from, const made_row& r, const made_row& old, old_kind which) {
    send(from.number(), kind::update, &r, &old, which);
  }
  void remove(const change& from, const made_row& old, old_kind which = old_kind::key) {
    send(from.number(), kind::remove, nullptr, &old, which);
  }
  /// In flush(): the row under its key, whether the target has one or not; and no row under its
  /// key.
  void upsert(const made_row& r) { send(0, kind::insert, &r); }
  void remove(const made_row& old) { send(0, kind::remove, nullptr, &old, old_kind::key); }

  /// Does the same to new and old row of the change, and sends it on. `edit(row, made)`: `made`
  /// begins as made_row::copy() leaves it. A bad_row that it throws rejects the change.
  template <class Edit>
  void map(const change& c, Edit&& edit) {
    if (c.kind() == kind::truncate) return keep(c);
    const auto fresh = c.new_row();
    const auto old = c.old_row();
    try {
      if (fresh) {
        new_row_.copy(fresh);
        edit(fresh, new_row_);
      }
      if (old) {
        old_row_.copy(old, c.old_kind() == old_kind::key ? LEAT_ABSENT : LEAT_NULL);
        edit(old, old_row_);
      }
    } catch (const bad_row& e) {
      return reject(c, e.what());
    }
    send(c.number(), c.kind(), fresh ? &new_row_ : nullptr, old ? &old_row_ : nullptr,
         c.old_kind());
  }

  /// The row cannot be transformed: the pipeline stops and names it, or it is kept as a dead
  /// letter, as the route's on_error says (leat_host::reject).
  void reject(const change& c, const std::string& why) {
    detail::check(context_->host->reject(context_, c.number(), why.c_str()));
  }
  /// The row lacks unchanged cells: it is read at the source and comes again. Remove its key until
  /// then.
  void ask(const change& c) { detail::check(context_->host->ask(context_, c.number())); }

  std::optional<std::string> get(std::string_view key) {
    const char* value = nullptr;
    std::size_t size = 0;
    const int found = context_->host->get(context_, key.data(), key.size(), &value, &size);
    detail::check(found);
    if (found == 0) return std::nullopt;
    return std::string(value, size);
  }
  void put(std::string_view key, std::string_view value) {
    detail::check(
        context_->host->put(context_, key.data(), key.size(), value.data(), value.size()));
  }
  void erase(std::string_view key) {
    detail::check(context_->host->erase(context_, key.data(), key.size()));
  }
  void clear() { detail::check(context_->host->clear(context_)); }

 private:
  void send(std::uint32_t from, kind what, const made_row* fresh, const made_row* old = nullptr,
            old_kind which = old_kind::none) {
    leat_emission e{};
    e.new_row = fresh == nullptr ? nullptr : fresh->data();
    e.old_row = old == nullptr ? nullptr : old->data();
    e.width = static_cast<std::uint32_t>(fresh != nullptr ? fresh->size()
                                         : old != nullptr ? old->size()
                                                          : 0);
    e.kind = static_cast<std::uint32_t>(what);
    e.old_kind = static_cast<std::uint32_t>(which);
    e.from = from;
    detail::check(context_->host->emit(context_, &e));
  }

  leat_context* context_;
  made_row new_row_;
  made_row old_row_;
};

namespace detail {

/// Runs a call of leat; what is thrown becomes its error.
template <class Body>
int guarded(leat_context* c, Body&& body) noexcept {
  try {
    body();
    return 0;
  } catch (const interrupted&) {
    return 1;
  } catch (const std::exception& e) {
    return leat_fail(c, e.what());
  } catch (...) {
    return leat_fail(c, "an exception that is no std::exception");
  }
}

/// An instance with what its calls need; made once, so that a batch costs no allocation.
template <class T>
struct holder {
  explicit holder(leat_context* c) : plugin(setup(c)) {}
  T plugin;
  std::optional<output> out;
  leat_context* context = nullptr;

  output& output_of(leat_context* c) {
    if (!out || context != c) out.emplace(context = c);
    return *out;
  }
};

template <class T>
int describe(leat_context* c) {
  return guarded(c, [&] {
    description d(c);
    T::describe(setup(c), d);
  });
}

template <class T>
int create(leat_context* c, void** instance) {
  return guarded(c, [&] { *instance = new holder<T>(c); });
}

template <class T>
int process(leat_context* c, void* instance, const leat_batch* b) {
  auto& h = *static_cast<holder<T>*>(instance);
  return guarded(c, [&] { h.plugin.process(batch(*b), h.output_of(c)); });
}

template <class T>
int flush(leat_context* c, void* instance) {
  auto& h = *static_cast<holder<T>*>(instance);
  return guarded(c, [&] { h.plugin.flush(h.output_of(c)); });
}

template <class T>
void destroy(void* instance) {
  delete static_cast<holder<T>*>(instance);
}

inline constexpr const char* revisions[] = LEAT_PLUGIN_REVISIONS;

template <class T>
leat_plugin make_table() {
  leat_plugin p{};
  p.abi = LEAT_PLUGIN_ABI;
  p.revision = LEAT_PLUGIN_REVISION;
  p.needs = LEAT_PLUGIN_REVISION;
  p.size = sizeof p;
  p.revisions = revisions;
  if constexpr (requires { T::needs; }) p.needs = T::needs;
  p.name = T::name;
  p.version = T::version;
  if constexpr (requires { T::keeps_state; }) p.flags = T::keeps_state ? LEAT_KEEPS_STATE : 0;
  if constexpr (requires { T::options; }) {
    p.options = T::options;
    p.option_size = sizeof(leat_option);
    p.option_count = std::size(T::options);
  }
  if constexpr (requires(const setup& s, description& d) { T::describe(s, d); })
    p.describe = describe<T>;
  p.create = create<T>;
  p.process = process<T>;
  if constexpr (requires(T & t, output & o) { t.flush(o); }) p.flush = flush<T>;
  p.destroy = destroy<T>;
  return p;
}

} // namespace detail

} // namespace leat::plugin

/// Exports the class as the plugin of this shared object; once, outside of namespaces.
#define LEAT_PLUGIN(Class)                                                                         \
  extern "C" LEAT_PLUGIN_EXPORT const leat_plugin* leat_plugin_entry(const leat_host*) {           \
    static const leat_plugin table = leat::plugin::detail::make_table<Class>();                    \
    return &table;                                                                                 \
  }
