/* Replaces every digit in one column by '#'.
 *
 *     [transform.no_numbers]
 *     plugin = "./redact.so"
 *     column = "phone"
 */
#include <stdlib.h>
#include <string.h>

#include "leat/plugin.h"

typedef struct redact {
  uint32_t column;
  uint32_t width;
  leat_value* new_row; /* to emit, `width` each */
  leat_value* old_row;
  char* text[2]; /* the column's, of new and old row */
  size_t room[2];
} redact;

static int create(leat_context* c, void** instance) {
  const int32_t column = leat_find_column(c->input, c->host->option(c, "column"));
  if (column < 0) return leat_fail(c, "there is no such column");
  redact* r = calloc(1, sizeof *r);
  if (r == NULL) return leat_fail(c, "out of memory");
  r->column = (uint32_t)column;
  r->width = c->input->width;
  r->new_row = calloc(r->width, sizeof *r->new_row);
  r->old_row = calloc(r->width, sizeof *r->old_row);
  *instance = r; /* from here on destroy() frees it */
  if (r->new_row == NULL || r->old_row == NULL) return leat_fail(c, "out of memory");
  return 0;
}

static void destroy(void* instance) {
  redact* r = instance;
  if (r == NULL) return;
  for (int i = 0; i < 2; ++i) free(r->text[i]);
  free(r->new_row);
  free(r->old_row);
  free(r);
}

/* Copies the cells, and the column's text without its digits. NULL when there is no memory. */
static const leat_value* make(redact* r, int which, const leat_batch* b, const leat_cell* row) {
  leat_value* made = which == 0 ? r->new_row : r->old_row;
  for (uint32_t i = 0; i < r->width; ++i) made[i] = leat_value_of(b, row[i]);
  leat_value* v = &made[r->column];
  if (v->state != LEAT_VALUE) return made;
  if (v->size > r->room[which]) {
    char* more = realloc(r->text[which], v->size);
    if (more == NULL) return NULL;
    r->text[which] = more;
    r->room[which] = v->size;
  }
  for (uint32_t i = 0; i < v->size; ++i) {
    const char letter = v->data[i];
    r->text[which][i] = letter >= '0' && letter <= '9' ? '#' : letter;
  }
  v->data = v->size == 0 ? v->data : r->text[which];
  return made;
}

static int process(leat_context* c, void* instance, const leat_batch* b) {
  redact* r = instance;
  for (uint32_t i = 0; i < b->count; ++i) {
    const leat_change* change = leat_change_at(b, i);
    leat_emission e = {0};
    e.width = r->width;
    e.kind = change->kind;
    e.old_kind = change->old_kind;
    e.from = i;
    if (change->new_row != NULL && (e.new_row = make(r, 0, b, change->new_row)) == NULL)
      return leat_fail(c, "out of memory");
    if (change->old_row != NULL && (e.old_row = make(r, 1, b, change->old_row)) == NULL)
      return leat_fail(c, "out of memory");
    if (c->host->emit(c, &e) != 0) return 1;
  }
  return 0;
}

static const char* const revisions[] = LEAT_PLUGIN_REVISIONS;

static const leat_option options[] = {{"column", LEAT_OPTION_TEXT, 1}};

static const leat_plugin table = {
    .abi = LEAT_PLUGIN_ABI,
    .revision = LEAT_PLUGIN_REVISION,
    .needs = 1,
    .size = sizeof(leat_plugin),
    .revisions = revisions,
    .name = "redact",
    .version = "1",
    .options = options,
    .option_size = sizeof(leat_option),
    .option_count = 1,
    .create = create,
    .process = process,
    .destroy = destroy,
};

const leat_plugin* leat_plugin_entry(const leat_host* host) {
  (void)host;
  return &table;
}
