# Sourced by scripts/demo: the StarRocks double of tests/starrocks_double as its target, seen through its MySQL port.

target_name="the StarRocks double"
default_scale=10 # a hundred thousand rows: the double is no fast server
as_datetime() { echo "regexp_replace(to_char($1 AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), '\.000000\$', '')"; }
source_columns[customers]="id, name, email, credit, active::int" # StarRocks prints 0 and 1 for false and true
source_columns[orders]="id, customer_id, state, total, $(as_datetime placed_at)"
source_columns[events]="id, customer_id, kind, detail, $(as_datetime at)"
target_pid=
asked= answers= # the two ends of the SQL client

start_target() {
  "$root/scripts/starrocks-double" --dir "$work/starrocks" >"$work/ports.json" 2>"$work/starrocks.log" &
  target_pid=$!
  local tries
  for ((tries = 0; tries < 300; ++tries)); do
    [[ ! -s $work/ports.json ]] || break
    sleep 0.1
  done
  [[ -s $work/ports.json ]] || { cat "$work/starrocks.log" >&2; fail "the StarRocks double does not start"; }
  http_port=$(grep -o '"fe": [0-9]*' "$work/ports.json" | grep -o '[0-9]*$')
  mysql_port=$(grep -o '"mysql": [0-9]*' "$work/ports.json" | grep -o '[0-9]*$')
  coproc SQL { exec "$root/scripts/starrocks-sql" "$mysql_port" 2>/dev/null; }
  exec {asked}>&"${SQL[1]}" {answers}<&"${SQL[0]}" # subshells have no coproc of their own
}

stop_target() {
  [[ -z $target_pid ]] || kill "$target_pid" 2>/dev/null || true
}

sink_lines() {
  cat <<LINES
connector = "starrocks"
http = ["127.0.0.1:$http_port"]
mysql = ["127.0.0.1:$mysql_port"]
user = "root"
password = ""
database = "shop"
table = { properties = { replication_num = "1" } }
LINES
}

# Asks the one client that runs; an answer ends with an empty line.
in_target() {
  local line
  echo "USE shop; $1" >&"$asked"
  while IFS= read -r line <&"$answers" && [[ -n $line ]]; do echo "$line"; done
}

many_from_target() { "$root/scripts/starrocks-sql" "$mysql_port" "USE shop; $1"; }

how_to_look() { echo "$root/scripts/starrocks-sql $mysql_port 'SELECT * FROM shop.orders ORDER BY id DESC LIMIT 5'"; }
how_to_stop() { echo "kill $target_pid; rm -rf $work"; }
