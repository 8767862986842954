# Ends what is at work still of a bot that is gone, or over a connection that is:
# each command carries the name of its connection in its environment. Jobs carry
# none, for they are meant to go on. Arguments: what the names of all begin with
# that may be ended, the name of this connection, then as of end.
# Says for each its process ID, its start time and what became of it.
mine=$1 this=$2; shift 2

# having: the environments with a name of ours, by one process for all of them
# where grep knows lines that end with NUL.
having() {
	if printf 'x\0' | grep -qz '^x$' 2>/dev/null; then
		grep -lsza "^AURORABOT=$mine" /proc/[0-9]*/environ
		return 0
	fi
	for one in /proc/[0-9]*/environ; do
		case $(name "$one") in "$mine"*) echo "$one" ;; esac
	done
}
name() { { tr '\0' '\n' <"$1" | sed -n 's/^AURORABOT=//p'; } 2>/dev/null; }

for entry in $(having); do
	[ "$(name "$entry")" != "$this" ] || continue
	id=${entry#/proc/}; id=${id%/environ}
	fields "$id" && [ "$state" != Z ] || continue
	since=$start
	echo "$id $since $(end "$id" "$since" "$@")"
done
exit 0
