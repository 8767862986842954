# Ends a command with all its processes and says what became of it: "gone" (it
# had ended before), "killed", or "alive" with the IDs that are left.
# Arguments: process ID, start time, then what to put before kill for processes
# of another account (nothing, or sudo's arguments).
pid=$1 begun=$2; shift 2
targets=$(members "$pid" "$begun")
[ -n "$targets" ] || { echo gone; exit 0; }

# left: those of the targets that still run, and what they have begun since.
left() {
	for one in $targets; do
		fields "$one" && [ "$state" != Z ] && printf '%s\n' "$one"
	done
	members "$pid" "$begun"
}
signal() {
	kill -s "$1" $targets 2>/dev/null
	[ $# -gt 1 ] || return 0
	sig=$1; shift
	"$@" kill -s "$sig" $targets >/dev/null 2>&1
	return 0
}
for sig in TERM KILL KILL; do
	signal $sig "$@"
	tries=0
	while [ $tries -lt 10 ]; do
		rest=$(left)
		[ -n "$rest" ] || { echo killed; exit 0; }
		sleep 0.1; tries=$((tries + 1))
	done
	targets=$rest
done
echo alive $rest
