# Runs a command so that it can be found again and ended.
# Arguments: a name for what the bot has at work over this connection, seconds
# after which the host ends the command by itself, then the command.
# Says its own line of /proc/PID/stat on standard error first: process ID and
# start time name the process for good. exec keeps both.
AURORABOT=$1 limit=$2; shift 2
go
LC_ALL=C; export AURORABOT LC_ALL
if command -v timeout >/dev/null 2>&1; then exec timeout -k 5 "$limit" "$@"; fi
exec "$@"
