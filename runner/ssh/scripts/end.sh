# end PID START [SUDO…]: ends a command with all its processes and says what
# became of it: "gone" (it had ended before), "killed", or "alive" with the IDs
# that are left. SUDO is what to put before kill for processes of another account.
end() {
	pid=$1 begun=$2; shift 2
	targets=$(members "$pid" "$begun")
	[ -n "$targets" ] || { echo gone; return 0; }
	for sig in TERM KILL KILL; do
		kill -s "$sig" $targets 2>/dev/null
		[ $# -eq 0 ] || "$@" kill -s "$sig" $targets >/dev/null 2>&1
		tries=0
		while [ $tries -lt 10 ]; do
			rest=$(left)
			[ -n "$rest" ] || { echo killed; return 0; }
			sleep 0.1; tries=$((tries + 1))
		done
		targets=$rest
	done
	echo alive $rest
}

# left: those of the targets that still run, and what they have begun since.
left() {
	for one in $targets; do
		fields "$one" && [ "$state" != Z ] && printf '%s\n' "$one"
	done
	members "$pid" "$begun"
}
