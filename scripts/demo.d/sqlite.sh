# Sourced by scripts/demo: SQLite as its target.

target_name=SQLite
default_scale=100 # a million rows
source_columns[customers]="id, name, email, credit, active::int" # SQLite has 0 and 1 for false and true
target=$work/shop.db

start_target() { :; }
stop_target() { :; }

sink_lines() {
  cat <<LINES
connector = "sqlite"
path = "$target"
LINES
}

in_target() { sqlite3 -readonly -cmd '.timeout 5000' -list -nullvalue NULL "file:$target?mode=ro" "$1" 2>/dev/null || true; }
many_from_target() { in_target "$1"; }

how_to_look() { echo "sqlite3 $target"; }
how_to_stop() { echo "rm -rf $work"; }
