package flagfile

import "strings"

// An arg is one argument of the start command. Each of its characters knows where in
// the file it stands, so that a change touches nothing else.
type arg struct{ chars []char }

// A char is one byte of an argument, or a part that the file does not tell: then s
// names it so that two parts are the same if, and only if, they would be the same
// when the file is run, and shown is how it is written.
type char struct {
	s      string
	opaque bool
	shown  string

	// split is set in what a shell splits at blanks: an expansion without quotes.
	split bool

	// at are the places it comes from: first that in the command, then that in the
	// variable which the command names there, and so on. Empty: it stands nowhere.
	at []place
}

// A place is a piece of the file, in bytes, and the whole word that it is a part of.
type place struct{ from, to, wordFrom, wordTo int }

// maxChars bounds an argument or a variable: variables in variables double.
const maxChars = 1 << 15

func (a arg) shown() string {
	var b strings.Builder
	for _, c := range a.chars {
		if c.opaque {
			b.WriteString(c.shown)
		} else {
			b.WriteString(c.s)
		}
	}
	return b.String()
}

// same tells whether two arguments would be the same when they are run.
func (a arg) same(b arg) bool { return a.id() == b.id() }

func (a arg) id() string {
	var b strings.Builder
	for _, c := range a.chars {
		if c.opaque {
			b.WriteString("\x00" + c.s + "\x00")
		} else {
			b.WriteString(c.s)
		}
	}
	return b.String()
}

// known is whether all of its text is told by the file.
func (a arg) known() bool {
	for _, c := range a.chars {
		if c.opaque {
			return false
		}
	}
	return true
}

// flag is the name of the flag that the argument sets.
func (a arg) flag() (string, bool) {
	n := a.equals()
	var b strings.Builder
	for _, c := range a.chars[:n] {
		if c.opaque {
			return "", false
		}
		b.WriteString(c.s)
	}
	s := b.String()
	if !strings.HasPrefix(s, "-") {
		return "", false
	}
	name := strings.TrimPrefix(strings.TrimPrefix(s, "-"), "-")
	return name, name != "" && !strings.ContainsAny(name, " \t\n")
}

// equals is where the first "=" stands, or the end.
func (a arg) equals() int {
	for i, c := range a.chars {
		if !c.opaque && c.s == "=" {
			return i
		}
	}
	return len(a.chars)
}

// value is what stands behind the "="; found is false if there is none.
func (a arg) value() (value string, known, found bool) {
	n := a.equals()
	if n == len(a.chars) {
		return "", true, false
	}
	v := arg{a.chars[n+1:]}
	return v.shown(), v.known(), true
}

// schedulers tells whether it is a flag of Aurora's scheduler, and of nothing else
// that a start command may name.
func (a arg) schedulers() bool {
	name, ok := a.flag()
	return ok && knownFlags[name] && a.equals() < len(a.chars)
}

// knownFlags are flags by which a scheduler's arguments are known among others.
var knownFlags = map[string]bool{}

func init() {
	for _, f := range strings.Fields(`mesos_master_address native_log_file_path backup_dir zk_endpoints serverset_path
		native_log_zk_group_path http_port native_log_quorum_size max_registration_delay max_leading_duration
		reconciliation_initial_delay gc_executor_path framework_failover_timeout max_saved_backups backup_interval
		zk_chroot_path zk_digest_credentials cluster_name thermos_executor_path thermos_executor_flags
		thermos_executor_resources allowed_container_types thrift_port http_authentication_mechanism shiro_ini_path
		min_offer_hold_time allow_gpu_resource framework_authentication_file framework_announce_principal`) {
		knownFlags[f] = true
	}
}

// literal is text of which each byte stands at from and the following.
func literal(text []byte, from, to, wordFrom, wordTo int) []char {
	chars := make([]char, 0, to-from)
	for i := from; i < to; i++ {
		chars = append(chars, char{s: string(text[i : i+1]), at: []place{{i, i + 1, wordFrom, wordTo}}})
	}
	return chars
}

// nowhere is text that the file does not have, such as the name of a flag that the
// start script of a package gives a variable.
func nowhere(s string) []char {
	var chars []char
	for i := range len(s) {
		chars = append(chars, char{s: s[i : i+1]})
	}
	return chars
}

// seenFrom is what an expansion that stands at p gives: the same characters, one step
// further away.
func seenFrom(p place, chars []char, split bool) []char {
	out := make([]char, len(chars))
	for i, c := range chars {
		at := make([]place, 0, len(c.at)+1)
		c.at = append(append(at, p), c.at...)
		c.split = split
		out[i] = c
	}
	return out
}
