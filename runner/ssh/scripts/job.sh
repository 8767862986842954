# Starts a command once, whatever becomes of the connection, and waits for its
# verdict. Arguments: job folder, seconds that the command may take, tenths of
# a second to wait here, most bytes of each output, size of standard input, the
# command as text, then the command; without one it only looks. Says one line,
# then the outputs:
#   rc STATUS OUTSIZE ERRSIZE SENTOUT SENTERR | running PID START | lost | none | other TEXT
# Exit status 125: not started, for the reason on standard error.
#
# The claim is one rename(2) of a folder that holds the ID of the process that
# made it: there is no moment at which a job is claimed and nobody knows by whom.
umask 077
dir=$1 limit=$2 tenths=$3 most=$4 size=$5 text=$6; shift 6
base=${dir%/*}
inner='
tmp=$1 dir=$2 limit=$3; shift 3
base=${dir%/*}
drop() { rm -f "$tmp/stdin" "$tmp/command" "$tmp/pid" "$tmp/stdout" "$tmp/stderr"; rmdir "$tmp"; exit 125; }
read -r line </proc/$$/stat && read -r boot </proc/sys/kernel/random/boot_id || drop
rest=${line##*) }
printf "%s\n%s %s\n" "$boot" "$$" "$rest" >"$tmp/pid" || drop
: >"$tmp/stdout" && : >"$tmp/stderr" || drop
# Known on disk before it begins, so that a crash of the host cannot make it run twice.
sync "$tmp/stdin" "$tmp/pid" "$tmp" 2>/dev/null || sync
mv -T "$tmp" "$dir" 2>/dev/null || drop
sync "$base" 2>/dev/null || sync
LC_ALL=C; export LC_ALL
timeout -k 5 "$limit" "$@" <"$dir/stdin" >"$dir/stdout" 2>"$dir/stderr"
rc=$?
printf "%s\n" "$rc" >"$dir/.rc" && { sync "$dir/stdout" "$dir/stderr" "$dir/.rc" 2>/dev/null || sync; } && mv -T "$dir/.rc" "$dir/rc"
'
refuse() { echo "$*" >&2; exit 125; }
go

if [ ! -d "$dir" ]; then
	[ $# -gt 0 ] || { echo none; exit 0; }
	command -v setsid >/dev/null && command -v timeout >/dev/null || refuse "setsid and timeout are needed"
	mkdir -p "$base" || refuse "cannot make $base"
	tmp=$(mktemp -d "$base/.claim.XXXXXXXX") || refuse "cannot write to $base"
	# A connection that breaks looks like the end of the input: count.
	if ! cat >"$tmp/stdin" || [ "$(wc -c <"$tmp/stdin")" -ne "$size" ] || ! printf '%s' "$text" >"$tmp/command"; then
		rm -f "$tmp/stdin" "$tmp/command"; rmdir "$tmp"
		refuse "standard input was not written whole to $base"
	fi
	setsid sh -c "$inner" aurorabot "$tmp" "$dir" "$limit" "$@" </dev/null >/dev/null 2>&1 &
	starter=$!
	while [ ! -d "$dir" ] && [ -d "$tmp" ]; do
		fields $starter && [ "$state" != Z ] || [ -d "$dir" ] || refuse "the claim of $dir failed"
		sleep 0.05
	done
	[ -d "$dir" ] || refuse "the claim of $dir failed"
fi

had=$(cat "$dir/command"; echo .)
[ $# -eq 0 ] || [ "$had" = "$text." ] || { printf 'other %s\n' "${had%.}"; exit 0; }

verdict() {
	[ -e "$dir/rc" ] || return 1
	read -r rc <"$dir/rc"
	out=$(wc -c <"$dir/stdout") err=$(wc -c <"$dir/stderr")
	[ "$out" -le "$most" ] && sendout=$out || sendout=$most
	[ "$err" -le "$most" ] && senderr=$err || senderr=$most
	echo rc "$rc" $((out)) $((err)) $((sendout)) $((senderr))
	head -c "$sendout" <"$dir/stdout"
	head -c "$senderr" <"$dir/stderr"
	exit 0
}
{ read -r boot; read -r line; } <"$dir/pid"
set -- $line
pid=$1; shift 11; begun=${10}
read -r now </proc/sys/kernel/random/boot_id
while :; do
	verdict
	# Looking through /proc is dear: once a second.
	if [ $((tenths % 10)) -eq 0 ] && { [ "$boot" != "$now" ] || [ -z "$(members "$pid" "$begun")" ]; }; then
		verdict # It may have ended between the two looks.
		echo lost; exit 0
	fi
	[ "$tenths" -gt 0 ] || { echo running "$pid" "$begun"; exit 0; }
	sleep 0.1; tenths=$((tenths - 1))
done
