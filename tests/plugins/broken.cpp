// A plugin that does everything wrong, one thing at a time: what its table says by the macro
// BROKEN_*, what its calls do by its option `how`.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "leat/plugin.h"

namespace {

/// Of the environment, so that a run may go wrong and the next one of the same file not.
std::string how(leat_context* c) {
  const char* now = std::getenv("BROKEN_HOW");
  const char* text = now != nullptr ? now : c->host->option(c, "how");
  return text == nullptr ? "" : text;
}

int emit_row(leat_context* c, std::uint32_t width, std::uint32_t kind, std::uint32_t from,
             leat_value first, bool old = false) {
  std::vector<leat_value> row(width, leat_null());
  if (width != 0) row[0] = first;
  leat_emission e{};
  (old ? e.old_row : e.new_row) = row.data();
  e.old_kind = old ? LEAT_OLD_KEY : LEAT_OLD_NONE;
  e.width = width;
  e.kind = kind;
  e.from = from;
  return c->host->emit(c, &e);
}

void sleep_for_long() { std::this_thread::sleep_for(std::chrono::hours(1)); }

int describe(leat_context* c) {
  const auto what = how(c);
  const auto add = [&](const char* name, const char* type) {
    leat_column made{};
    made.name = name;
    made.type = type;
    return c->host->add_column(c, &made);
  };
  if (what == "describe fails") return leat_fail(c, "no such table wanted");
  if (what == "describe prints") std::puts("printed by a plugin");
  if (what == "describe hangs") sleep_for_long();
  if (what == "describe throws") throw std::runtime_error("out of describe");
  if (what == "unknown type") return add("id", "blob");
  if (what == "no name") return add(nullptr, "text");
  if (what == "same name twice") {
    add("id", "text");
    return add("id", "text");
  }
  if (what == "no key") return add("other", "text");
  if (what == "key beyond") {
    const std::uint32_t key = 9;
    return c->host->set_key(c, &key, 1);
  }
  if (what == "passes beyond") return c->host->pass_column(c, 9);
  if (what == "emits in describe") return c->host->keep(c, 0);
  if (what == "drops a column") {
    c->host->pass_column(c, 0);
    return c->host->pass_column(c, 1);
  }
  return 0;
}

int create(leat_context* c, void** instance) {
  *instance = nullptr;
  if (how(c) == "create fails") return 3;
  return 0;
}

int process(leat_context* c, void*, const leat_batch* b) {
  const auto what = how(c);
  const auto one = leat_text("1", 1);
  if (what == "throws") throw std::runtime_error("out of process");
  if (what == "throws a number") throw 7;
  if (what == "error code") return 42;
  if (what == "error") return leat_fail(c, "the disk is full");
  if (what == "narrow row") emit_row(c, c->output->width - 1, LEAT_INSERT, 0, one);
  if (what == "wide row") emit_row(c, c->output->width + 1, LEAT_INSERT, 0, one);
  if (what == "no such change") c->host->keep(c, b->count);
  if (what == "from no change") emit_row(c, c->output->width, LEAT_INSERT, b->count, one);
  if (what == "out of order") {
    c->host->keep(c, 1);
    c->host->keep(c, 0);
  }
  if (what == "twice") {
    c->host->keep(c, 0);
    emit_row(c, c->output->width, LEAT_INSERT, 0, one);
  }
  if (what == "reads") emit_row(c, c->output->width, LEAT_READ, 0, one);
  if (what == "no such kind") emit_row(c, c->output->width, 9, 0, one);
  if (what == "null key") emit_row(c, c->output->width, LEAT_INSERT, 0, leat_null());
  if (what == "remove without old") emit_row(c, c->output->width, LEAT_REMOVE, 0, one);
  if (what == "half a key") {
    auto absent = leat_null();
    absent.state = LEAT_ABSENT;
    emit_row(c, c->output->width, LEAT_REMOVE, 0, absent, true);
  }
  if (what == "state unasked") c->host->put(c, "k", 1, "v", 1);
  if (what == "describes in process") c->host->pass_column(c, 0);
  if (what == "rejects some") {
    for (std::uint32_t i = 0; i < b->count; ++i) {
      const auto* row = leat_change_at(b, i)->new_row;
      const bool bad = row != nullptr && leat_size(row[2]) > 0 && leat_data(b, row[2])[0] == '-';
      if (bad)
        c->host->reject(c, i, "its phone is negative");
      else
        c->host->keep(c, i);
    }
    return 0;
  }
  if (what == "rejects") return c->host->reject(c, 0, "its phone has no country");
  if (what == "asks") return c->host->ask(c, 0);
  if (what == "hangs") sleep_for_long();
  if (what == "naps") std::this_thread::sleep_for(std::chrono::milliseconds(20));
  if (what == "prints") std::puts("printed by a plugin");
  for (std::uint32_t i = 0; i < b->count; ++i) c->host->keep(c, i);
  return 0;
}

int flush(leat_context* c, void*) {
  if (how(c) == "emits in flush")
    return emit_row(c, c->output->width, LEAT_INSERT, 0, leat_text("1", 1));
  if (how(c) == "keeps in flush") return c->host->keep(c, 0);
  return 0;
}

void destroy(void*) {}

const leat_option options[] = {{"how", LEAT_OPTION_TEXT, 0}, {"count", LEAT_OPTION_INTEGER, 0}};

leat_plugin sound_table() {
  leat_plugin p{};
  p.abi = LEAT_PLUGIN_ABI;
  p.revision = LEAT_PLUGIN_REVISION;
  p.needs = LEAT_PLUGIN_REVISION;
  p.size = sizeof p;
  p.name = "broken";
  p.version = "1";
  p.options = options;
  p.option_size = sizeof(leat_option);
  p.option_count = 2;
  p.describe = describe;
  p.create = create;
  p.process = process;
  p.flush = flush;
  p.destroy = destroy;
  return p;
}

leat_plugin table = sound_table();

/// The table of a leat to come: larger, with more in its options.
struct table_of_tomorrow {
  leat_plugin known;
  int (*unheard_of)(leat_context*);
};

} // namespace

#if defined(BROKEN_no_symbol)
extern "C" LEAT_PLUGIN_EXPORT int something_else() { return static_cast<int>(table.abi); }
#else
extern "C" LEAT_PLUGIN_EXPORT const leat_plugin* leat_plugin_entry(const leat_host*) {
#if defined(BROKEN_wrong_abi)
  table.abi = LEAT_PLUGIN_ABI + 1;
#elif defined(BROKEN_needs_newer)
  static const char* const revisions[] = {"transforms with keyed state", "windows", "joins"};
  table.revision = table.needs = 3;
  table.revisions = revisions;
#elif defined(BROKEN_no_table)
  return nullptr;
#elif defined(BROKEN_no_size)
  table.size = 0;
#elif defined(BROKEN_no_process)
  table.process = nullptr;
#elif defined(BROKEN_bad_name)
  table.name = "Two words";
#elif defined(BROKEN_throws_at_entry)
  throw std::runtime_error("out of the entry");
#elif defined(BROKEN_undefined_symbol)
  extern int no_library_has_this(int);
  return no_library_has_this(1) != 0 ? &table : nullptr;
#elif defined(BROKEN_of_tomorrow)
  // Not broken: newer, and content with this leat.
  static table_of_tomorrow newer;
  newer.known = table;
  newer.known.revision = 7;
  newer.known.size = sizeof newer;
  return &newer.known;
#elif defined(BROKEN_sound)
  // Only its calls are.
#else
#error "say what is broken"
#endif
  return &table;
}
#endif
