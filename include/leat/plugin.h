#ifndef LEAT_PLUGIN_H
#define LEAT_PLUGIN_H

/*
 * The interface of leat's transforms in shared objects, version 1 (docs/plugin-abi.md). C11; needs
 * nothing but this file. C++ authors take leat/plugin.hpp, which sits on top.
 *
 * A plugin exports one symbol, leat_plugin_entry(), which gives its table. leat hands it a table of
 * functions in return. Both only ever grow at their ends.
 *
 * Threads: for one transform in one route leat makes one instance, and calls it from one thread at
 * a time, not always the same. Instances of several routes run side by side: what they share
 * (static variables) is the plugin's to guard. Functions of leat_host may be called only within a
 * call of leat, with the context that it passed, in its thread.
 *
 * Ownership: what leat passes belongs to leat and lives until the call returns, unless it is said
 * otherwise. What a plugin passes to a function of leat_host is copied before that returns. Nothing
 * is freed on the other side.
 *
 * Errors: calls give 0 when they are done. Anything else ends the pipeline with what leat_fail()
 * said last; nothing is committed of the epoch, and the next run begins at its checkpoint. A C++
 * exception must not leave a plugin. A call that takes longer than the transform's `timeout` ends
 * the process.
 *
 * Standard output belongs to leat. Print to stderr.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Another number is another interface: leat refuses the plugin. */
#define LEAT_PLUGIN_ABI 1u
/* Counts what was added at the ends of the tables and structures. */
#define LEAT_PLUGIN_REVISION 1u
/* What each revision brought, so that an older leat can say what it lacks. */
#define LEAT_PLUGIN_REVISIONS                                                                      \
  { "transforms with keyed state" }

#if defined(__GNUC__)
#define LEAT_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define LEAT_PLUGIN_EXPORT
#endif

/* --- Rows ------------------------------------------------------------------------------------ */

/* LEAT_UNCHANGED: a large value that the update left alone, and that the stream did not bring.
 * LEAT_ABSENT: not part of this row (the other columns of an old row that is a key). */
enum { LEAT_NULL = 0, LEAT_VALUE = 1, LEAT_UNCHANGED = 2, LEAT_ABSENT = 3 };

/* LEAT_READ is a row of a snapshot, LEAT_TRUNCATE has no rows. */
enum { LEAT_INSERT = 0, LEAT_UPDATE = 1, LEAT_REMOVE = 2, LEAT_TRUNCATE = 3, LEAT_READ = 4 };

/* What an old row holds: nothing, the key's cells (others are LEAT_ABSENT), or all. */
enum { LEAT_OLD_NONE = 0, LEAT_OLD_KEY = 1, LEAT_OLD_FULL = 2 };

/* A cell of a row that came. Ask it through the functions below. */
typedef struct leat_cell {
  uint32_t offset;
  uint32_t size_and_state;
} leat_cell;

/* A cell of a row to emit: bytes are in PostgreSQL's text format, as those that come. */
typedef struct leat_value {
  const char* data; /* only read with LEAT_VALUE; need not end in NUL */
  uint32_t size;
  uint32_t state;
} leat_value;

/* One change of a row. Rows have leat_batch.width cells, one for each column. */
typedef struct leat_change {
  const leat_cell* new_row; /* NULL with LEAT_REMOVE and LEAT_TRUNCATE */
  const leat_cell* old_row; /* NULL with LEAT_OLD_NONE */
  uint32_t kind;
  uint32_t old_kind;
  uint64_t commit_lsn; /* of its transaction; of a LEAT_READ: where the snapshot was taken */
  uint64_t index;      /* in its transaction; a replay gives the same */
  int64_t commit_time; /* microseconds since 2000-01-01 UTC; 0 for a LEAT_READ */
  uint32_t xid;        /* 0 for a LEAT_READ */
} leat_change;

/* Changes of one table, in the stream's order. Cells are rows side by side: bytes are not copied.
 */
typedef struct leat_batch {
  const char* bytes;
  const leat_change* changes; /* ask leat_change_at(): a newer leat's are larger */
  size_t change_size;
  uint32_t count;
  uint32_t width;
} leat_batch;

/* A change to emit. Rows have as many values as the plugin's output has columns. */
typedef struct leat_emission {
  const leat_value* new_row; /* NULL with LEAT_REMOVE and LEAT_TRUNCATE */
  const leat_value* old_row; /* NULL with LEAT_OLD_NONE */
  uint32_t width;            /* of the rows; another than the output's is an error */
  uint32_t kind;
  uint32_t old_kind;
  uint32_t from; /* number of the change that it comes of: its transaction and its place. They
                  * ascend; in a route that appends a change is one row at most. */
} leat_emission;

/* --- Tables ---------------------------------------------------------------------------------- */

/* What a column's text means. New ones come at the end; take an unknown one for LEAT_OTHER. */
enum {
  LEAT_BOOLEAN,
  LEAT_INT2,
  LEAT_INT4,
  LEAT_INT8,
  LEAT_OID,
  LEAT_FLOAT4,
  LEAT_FLOAT8,
  LEAT_NUMERIC,
  LEAT_MONEY,
  LEAT_TEXT,
  LEAT_BYTEA,
  LEAT_DATE,
  LEAT_TIME,
  LEAT_TIMETZ,
  LEAT_TIMESTAMP,
  LEAT_TIMESTAMPTZ,
  LEAT_INTERVAL,
  LEAT_UUID,
  LEAT_JSON,
  LEAT_JSONB,
  LEAT_ARRAY,
  LEAT_OTHER
};

typedef struct leat_column {
  const char* name;
  const char* type; /* as PostgreSQL prints it: "bigint", "numeric(12,2)", "text[]" */
  uint32_t type_class;
  uint32_t nullable;
  uint32_t type_oid;
  int32_t type_modifier; /* -1: none */
  uint32_t identity;     /* old rows bring it, also of a table without REPLICA IDENTITY FULL */
} leat_column;

typedef struct leat_schema {
  const char* schema; /* of the source table */
  const char* table;
  const leat_column* columns; /* ask leat_column_at(): a newer leat's are larger */
  size_t column_size;
  uint32_t width;
  uint32_t key_count;
  const uint32_t* key;    /* numbers of columns; none: rows are found by all of their columns */
  uint32_t append;        /* the route's mode: every change becomes a row */
  uint32_t may_leave_out; /* rows may come with cells that are LEAT_UNCHANGED */
} leat_schema;

/* --- leat's side ----------------------------------------------------------------------------- */

typedef struct leat_context leat_context;

/* Lives as long as the process. */
typedef struct leat_host {
  uint32_t abi;
  uint32_t revision; /* of this leat; members that came later are not there */
  size_t size;

  /* Says why the call is going to fail. */
  void (*fail)(leat_context*, const char* message);
  /* An option of [transform.NAME] that the plugin declared: a string without quotes, `true`, a
   * number, or JSON for lists and tables; NULL when it is not in the file. Lives as long as the
   * instance; in describe() until it returns. */
  const char* (*option)(leat_context*, const char* name);

  /* describe() only: the next column of the output. pass_column(): the input's, whose cells go out
   * as they came. add_column(): one that the plugin makes, of which name, type (one of PostgreSQL's
   * own), nullable and identity are read. Without any, the output is the input, and its key's cells
   * are passed on. */
  int (*pass_column)(leat_context*, uint32_t input);
  int (*add_column)(leat_context*, const leat_column*);
  /* describe() only: numbers of output columns. Without, the key is the input's, by name. */
  int (*set_key)(leat_context*, const uint32_t* columns, uint32_t count);

  /* process() only: the change goes out as it came. The output must have the input's columns. A
   * change that is neither kept nor emitted is dropped. */
  int (*keep)(leat_context*, uint32_t change);
  /* process(), and flush() of a route that does not append: a change goes out. */
  int (*emit)(leat_context*, const leat_emission*);
  /* process() only, in the place of what would be emitted of the change: its row cannot be
   * transformed. As the route's on_error says this ends the pipeline, and names the row (then it
   * gives -1); or it gives 0, the row goes to the dead letters, and the rest goes on. The target
   * loses the row of a key that the change leaves, when the output's key is passed on, and nothing
   * was emitted of the change; a plugin that makes the key emits a LEAT_REMOVE itself. */
  int (*reject)(leat_context*, uint32_t change, const char* message);
  /* process() only: the change lacks cells (LEAT_UNCHANGED) that the plugin needs. Its row is read
   * at the source, and comes again as LEAT_READ; until then the plugin emits a LEAT_REMOVE of its
   * key. */
  int (*ask)(leat_context*, uint32_t change);

  /* process() and flush() of a plugin that has LEAT_KEEPS_STATE: values under keys of any bytes, of
   * this transform in this route. They survive restarts, and after a crash agree with what the
   * target holds. get() gives 1 when the key has a value, 0 when it has none, -1 on failure; the
   * value lives until the next call of a function of leat. */
  int (*get)(leat_context*, const void* key, size_t key_size, const char** value,
             size_t* value_size);
  int (*put)(leat_context*, const void* key, size_t key_size, const void* value, size_t value_size);
  int (*erase)(leat_context*, const void* key, size_t key_size);
  int (*clear)(leat_context*); /* everything, in constant time */
} leat_host;

/* What leat passes with every call. */
struct leat_context {
  const leat_host* host;
  const char* transform; /* NAME of [transform.NAME] */
  const char* options;   /* the section as a JSON object, without `plugin` and `timeout` */
  size_t options_size;
  const char* directory;     /* of the pipeline file; relative paths start there */
  const leat_schema* input;  /* lives as long as the instance; in describe() until it returns */
  const leat_schema* output; /* the same; NULL in describe() */
};

/* --- The plugin's side ----------------------------------------------------------------------- */

/* The plugin calls get(), put(), erase() or clear(). */
#define LEAT_KEEPS_STATE 1u

/* Which values an option takes. */
enum {
  LEAT_OPTION_TEXT = 0,
  LEAT_OPTION_INTEGER = 1,
  LEAT_OPTION_BOOLEAN = 2,
  LEAT_OPTION_LIST = 3,
  LEAT_OPTION_TABLE = 4,
  LEAT_OPTION_ANY = 5
};

/* An option of the plugin. leat refuses others, and values of another kind, by their place in the
 * pipeline file. */
typedef struct leat_option {
  const char* name;
  uint32_t kind;
  uint32_t required;
} leat_option;

/* Lives as long as the process. Members that are said to may be NULL. */
typedef struct leat_plugin {
  uint32_t abi;                 /* LEAT_PLUGIN_ABI */
  uint32_t revision;            /* LEAT_PLUGIN_REVISION: which members this table has */
  uint32_t needs;               /* the oldest revision of leat that it runs with */
  uint32_t flags;               /* LEAT_KEEPS_STATE */
  size_t size;                  /* of this table */
  const char* const* revisions; /* `revision` sentences, LEAT_PLUGIN_REVISIONS; or NULL */

  const char* name;    /* [a-z0-9_]+ */
  const char* version; /* raise it when rows come out differently: targets then need `resnapshot` */
  const leat_option* options; /* or NULL */
  size_t option_size;         /* sizeof(leat_option) */
  size_t option_count;

  /* The columns and key that come out for the context's input. Called at any time, also by
   * `leat plan` and `leat check`, and once more when columns of the source change. The same options
   * and input must give the same output. NULL: the output is the input. */
  int (*describe)(leat_context*);
  /* Makes an instance; when columns of the source change, another one. What it leaves in `instance`
   * when it fails is destroyed. */
  int (*create)(leat_context*, void** instance);
  /* Takes a batch and emits what becomes of it, in its order. The same changes and state must give
   * the same rows: after a crash changes come again, with the state from before them. While a
   * snapshot runs, a LEAT_READ, or a change that it holds already, may also come again with later
   * state: rows under a key must then end up the same. Old rows have the same done to them as new
   * ones, so that keys that move go away at the target. */
  int (*process)(leat_context*, void* instance, const leat_batch*);
  /* Before a checkpoint: what the instance still holds in memory goes out, or to the state. NULL:
   * nothing. */
  int (*flush)(leat_context*, void* instance);
  /* Frees the instance; without flush() before it when the run failed. */
  void (*destroy)(void* instance);
} leat_plugin;

/* The symbol. `host` lives as long as the process, and its first three members never change. The
 * object is never unloaded. */
LEAT_PLUGIN_EXPORT const leat_plugin* leat_plugin_entry(const leat_host* host);
typedef const leat_plugin* (*leat_plugin_entry_function)(const leat_host* host);

/* --- What reads better ----------------------------------------------------------------------- */

static inline uint32_t leat_state(leat_cell c) { return c.size_and_state >> 30; }
static inline uint32_t leat_size(leat_cell c) { return c.size_and_state & 0x3fffffffu; }
static inline const char* leat_data(const leat_batch* b, leat_cell c) {
  return b->bytes + c.offset;
}

/* The cell as a value to emit. Its bytes are the batch's. */
static inline leat_value leat_value_of(const leat_batch* b, leat_cell c) {
  leat_value v;
  v.data = leat_data(b, c);
  v.size = leat_size(c);
  v.state = leat_state(c);
  return v;
}

static inline leat_value leat_text(const char* data, size_t size) {
  leat_value v;
  v.data = data;
#ifdef __cplusplus
  v.size = static_cast<uint32_t>(size);
#else
  v.size = (uint32_t)size;
#endif
  v.state = LEAT_VALUE;
  return v;
}

static inline leat_value leat_null(void) {
  leat_value v;
  v.data = "";
  v.size = 0;
  v.state = LEAT_NULL;
  return v;
}

static inline const leat_change* leat_change_at(const leat_batch* b, uint32_t i) {
#ifdef __cplusplus
  return reinterpret_cast<const leat_change*>(reinterpret_cast<const char*>(b->changes)
                                              + i * b->change_size);
#else
  return (const leat_change*)(const void*)((const char*)b->changes + i * b->change_size);
#endif
}

static inline const leat_column* leat_column_at(const leat_schema* s, uint32_t i) {
#ifdef __cplusplus
  return reinterpret_cast<const leat_column*>(reinterpret_cast<const char*>(s->columns)
                                              + i * s->column_size);
#else
  return (const leat_column*)(const void*)((const char*)s->columns + i * s->column_size);
#endif
}

/* The number of the column of that name; -1 when there is none. */
static inline int32_t leat_find_column(const leat_schema* s, const char* name) {
  int32_t n = 0;
  for (uint32_t i = 0; i < s->width; ++i, ++n) {
    const char* a = leat_column_at(s, i)->name;
    const char* b = name;
    while (*a != '\0' && *a == *b) ++a, ++b;
    if (*a == *b) return n;
  }
  return -1;
}

/* Gives 1, so that a call can end with `return leat_fail(c, "...")`. */
static inline int leat_fail(leat_context* c, const char* message) {
  c->host->fail(c, message);
  return 1;
}

#ifdef __cplusplus
}
#endif

#endif
