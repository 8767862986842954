# go: says who this is, and waits for the bot's word to begin. A connection that
# is gone gives no word: what was on its way when it broke does nothing when it
# arrives at last, however late that is. Nor does a word that took too long.
go() {
	read -r line </proc/$$/stat && read -r asked rest </proc/uptime && printf 'aurorabot: %s\n' "$line" >&2 || exit 126
	read -r word && [ "$word" = go ] && read -r heard rest </proc/uptime || exit 126
	[ $((${heard%%.*} - ${asked%%.*})) -le 15 ] || { echo 'aurorabot: not started: the word to begin came late' >&2; exit 126; }
}
