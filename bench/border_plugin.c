/* Does next to nothing, so that what a call costs remains: keeps every row, or emits a copy of it.
 */
#include <string.h>

#include "leat/plugin.h"

enum { widest = 64 };

static int copies; /* of the one instance */

static int create(leat_context* c, void** instance) {
  const char* mode = c->host->option(c, "mode");
  copies = mode != NULL && strcmp(mode, "copy") == 0;
  *instance = NULL;
  return c->input->width > widest ? leat_fail(c, "too wide") : 0;
}

static int process(leat_context* c, void* instance, const leat_batch* b) {
  leat_value row[widest];
  (void)instance;
  for (uint32_t i = 0; i < b->count; ++i) {
    const leat_change* change = leat_change_at(b, i);
    int failed;
    if (copies) {
      leat_emission e = {0};
      e.new_row = row;
      e.width = b->width;
      e.kind = change->kind;
      e.from = i;
      for (uint32_t n = 0; n < b->width; ++n) row[n] = leat_value_of(b, change->new_row[n]);
      failed = c->host->emit(c, &e);
    } else {
      failed = c->host->keep(c, i);
    }
    if (failed != 0) return 1;
  }
  return 0;
}

static void destroy(void* instance) { (void)instance; }

const leat_plugin* leat_plugin_entry(const leat_host* host) {
  static const leat_option options[] = {{"mode", LEAT_OPTION_TEXT, 0}};
  static const leat_plugin table = {.abi = LEAT_PLUGIN_ABI,
                                    .revision = LEAT_PLUGIN_REVISION,
                                    .needs = 1,
                                    .size = sizeof(leat_plugin),
                                    .name = "border",
                                    .version = "1",
                                    .options = options,
                                    .option_size = sizeof(leat_option),
                                    .option_count = 1,
                                    .create = create,
                                    .process = process,
                                    .destroy = destroy};
  (void)host;
  return &table;
}
