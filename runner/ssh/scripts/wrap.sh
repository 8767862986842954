# Runs a command so that it can be found again and ended.
# Arguments: seconds after which the host ends it by itself, then the command.
# Says its own line of /proc/PID/stat on standard error first: process ID and
# start time name the process for good. exec keeps both.
limit=$1; shift
read -r line </proc/$$/stat && printf 'aurorabot: %s\n' "$line" >&2 || exit 126
LC_ALL=C; export LC_ALL
if command -v timeout >/dev/null 2>&1; then exec timeout -k 5 "$limit" "$@"; fi
exec "$@"
