package ssh

import "strings"

// Quote returns argv as a line that every POSIX shell splits back into argv.
// It is the only place of the bot that writes shell. An argument must not hold
// NUL, which no command line can carry; [Host.Run] refuses it.
func Quote(argv []string) string {
	var b strings.Builder
	for i, arg := range argv {
		if i > 0 {
			b.WriteByte(' ')
		}
		if plain(arg) {
			b.WriteString(arg)
			continue
		}
		b.WriteByte('\'')
		b.WriteString(strings.ReplaceAll(arg, "'", `'\''`))
		b.WriteByte('\'')
	}
	return b.String()
}

// line is Quote for a login shell, which may be fish or csh: within quotes fish takes a
// backslash for more than itself and csh an exclamation mark, so that none stands within.
// (csh ends a word at a line break whatever is done; see [script].)
func line(argv []string) string {
	words := make([]string, len(argv))
	for i, arg := range argv {
		var b strings.Builder
		for arg != "" || b.Len() == 0 {
			at := strings.IndexAny(arg, `\!`)
			if at != 0 {
				part := arg[:max(at, 0)]
				if at < 0 {
					part = arg
				}
				b.WriteString(Quote([]string{part}))
				arg = arg[len(part):]
				continue
			}
			b.WriteString(`\` + arg[:1])
			arg = arg[1:]
		}
		words[i] = b.String()
	}
	return strings.Join(words, " ")
}

// plain reports whether no shell sees anything in arg but itself. '=' is not
// plain: at the front of a line it would be an assignment, in zsh an expansion.
func plain(arg string) bool {
	for _, c := range []byte(arg) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("@%_+:,./-", c) >= 0:
		default:
			return false
		}
	}
	return arg != ""
}
