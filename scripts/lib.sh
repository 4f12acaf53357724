# Sourced by the other scripts: where things are, and how they speak.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=$root/build/release
jobs=$(nproc)

say() { echo "${0##*/}: $*"; }
fail() { say "$*" >&2; exit 1; }

# configure PRESET
configure() {
  mkdir -p "$root/build"
  (cd "$root" && cmake --preset "$1" -DLEAT_SANITIZED_TESTS="$root/build/asan/tests/sanitized_tests" >"$root/build/$1-configure.log" 2>&1) \
    || { cat "$root/build/$1-configure.log" >&2; fail "cmake --preset $1 failed"; }
}

# build PRESET [TARGET...]: quiet but for warnings and errors
build() {
  local preset=$1 started=$SECONDS
  shift
  configure "$preset"
  say "building preset $preset${*:+: $*}"
  (cd "$root" && timeout "${LEAT_BUILD_TIMEOUT:-1500}" cmake --build --preset "$preset" -j "$jobs" ${*:+--target "$@"}) \
    >"$root/build/$preset-build.log" 2>&1 \
    || { grep -E -A6 'error|FAILED|warning' "$root/build/$preset-build.log" | head -80 >&2
         fail "the build of preset $preset failed: $root/build/$preset-build.log"; }
  say "built in $((SECONDS - started)) s"
}

# The newest PostgreSQL server of this system, or $LEAT_PG_BIN.
pg_bin() {
  if [[ -n ${LEAT_PG_BIN:-} ]]; then echo "$LEAT_PG_BIN"; return; fi
  local newest
  newest=$(ls -d /usr/lib/postgresql/*/bin/postgres 2>/dev/null | sort -t/ -k5n | tail -n1)
  [[ -n $newest ]] || fail "no PostgreSQL server is installed: run scripts/setup"
  dirname "$newest"
}

# as_server_user COMMAND...: PostgreSQL refuses to run as root
as_server_user() {
  if [[ $(id -u) == 0 ]]; then runuser -u postgres -- "$@"; else "$@"; fi
}
