# Functions about the processes of one command, which is known by the process
# ID and start time of the process that leads its session.

# fields PID: sets state, parent, session, start of a process; false if there is none.
fields() {
	{ read -r line </proc/"$1"/stat; } 2>/dev/null || return 1
	# The name stands in parentheses and may hold anything.
	set -- ${line##*) }
	state=$1 parent=$2 session=$4; shift 10; start=${10}
}

# members PID START: prints the IDs of that process, of all in its session, and
# of what descends from any of them (sudo gives its command a session of its own).
members() {
	found=" " grown=yes
	if fields "$1"; then
		# Another process has the ID now: the session is gone, for the kernel
		# does not give an ID away while a session bears it.
		[ "$start" = "$2" ] || return 0
		found=" $1 "
	fi
	while [ $grown = yes ]; do
		grown=no
		for entry in /proc/[0-9]*; do
			id=${entry#/proc/}
			case $found in *" $id "*) continue ;; esac
			fields "$id" || continue
			case $found in
			*" $parent "*) ;;
			*) [ "$session" = "$1" ] || continue ;;
			esac
			found="$found$id " grown=yes
		done
	done
	for id in $found; do
		fields "$id" && [ "$state" != Z ] && printf '%s\n' "$id"
	done
	return 0
}
