package aurora

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// ShellVars is a file of shell variables that a start script sources, such as
// /etc/default/aurora-scheduler. It is parsed by a real shell parser and never
// run; what is not changed stays byte for byte.
type ShellVars struct {
	text    []byte
	assigns map[string]*syntax.Assign
}

// Variables of Debian's and rpm's packages that carry a flag of their own.
var flagVariables = map[string]string{
	"mesos_master_address":     "MESOS_MASTER",
	"native_log_file_path":     "LOGDB_FILE_PATH",
	"backup_dir":               "BACKUP_DIR",
	"zk_endpoints":             "ZK_ENDPOINTS",
	"serverset_path":           "ZK_SERVERSET_PATH",
	"native_log_zk_group_path": "ZK_LOGDB_PATH",
	"http_port":                "HTTP_PORT",
	"native_log_quorum_size":   "QUORUM_SIZE",
}

// extraArgs is the variable that carries all other flags.
const extraArgs = "EXTRA_SCHEDULER_ARGS"

// ParseShellVars reads a file. name is for errors. A variable that is assigned
// twice, appended to or an array is an error if it is one that matters here:
// which value counts would be a guess. So is a byte order mark before the first
// assignment, which a shell takes for a command.
func ParseShellVars(name string, text []byte) (*ShellVars, error) {
	file, err := syntax.NewParser(syntax.KeepComments(true), syntax.Variant(syntax.LangBash)).Parse(bytes.NewReader(text), name)
	if first, marked := bytes.CutPrefix(text, byteOrderMark); marked && (err != nil || setsFirst.Match(first)) {
		return nil, fmt.Errorf("%s:1: it begins with a byte order mark, which a shell takes for a part of the first word, so that the first line does not do what it says: save the file without it", name)
	}
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	v := &ShellVars{text: text, assigns: map[string]*syntax.Assign{}}
	for _, stmt := range file.Stmts {
		for _, a := range assignments(stmt.Cmd) {
			if _, twice := v.assigns[a.Name.Value]; twice && matters(a.Name.Value) {
				return nil, fmt.Errorf("%s:%d: %s is assigned twice", name, a.Pos().Line(), a.Name.Value)
			}
			if flag := v.flagIn(a.Array); flag != "" {
				return nil, fmt.Errorf("%s:%d: the flags are in the array %s (-%s and others), which the bot neither reads nor changes: what it wrote into %s nobody would read", name, a.Pos().Line(), a.Name.Value, flag, extraArgs)
			}
			if matters(a.Name.Value) && (a.Append || a.Index != nil || a.Array != nil) {
				return nil, fmt.Errorf("%s:%d: %s is appended to or an array", name, a.Pos().Line(), a.Name.Value)
			}
			v.assigns[a.Name.Value] = a
		}
	}
	return v, nil
}

// byteOrderMark is what some editors put before the first character of a file.
var byteOrderMark = []byte("\xef\xbb\xbf")

// setsFirst is a file whose first line sets a variable.
var setsFirst = regexp.MustCompile(`\A[ \t]*((export|declare|typeset|readonly)[ \t]+)?[A-Za-z_][A-Za-z0-9_]*\+?=`)

func assignments(cmd syntax.Command) []*syntax.Assign {
	switch c := cmd.(type) {
	case *syntax.CallExpr:
		if len(c.Args) == 0 {
			return c.Assigns
		}
	case *syntax.DeclClause: // export NAME=value
		var named []*syntax.Assign
		for _, a := range c.Args {
			if a.Name != nil && !a.Naked {
				named = append(named, a)
			}
		}
		return named
	}
	return nil
}

// flagIn is a scheduler's flag that an element of an array sets, "" if none does.
func (v *ShellVars) flagIn(array *syntax.ArrayExpr) string {
	if array == nil {
		return ""
	}
	for _, e := range array.Elems {
		if e.Value == nil {
			continue
		}
		word := string(v.text[e.Value.Pos().Offset():e.Value.End().Offset()])
		for flag := range flagVariables {
			if strings.HasPrefix(strings.TrimLeft(word, `"'`), "-"+flag+"=") {
				return flag
			}
		}
	}
	return ""
}

func matters(variable string) bool {
	if variable == extraArgs {
		return true
	}
	for _, v := range flagVariables {
		if v == variable {
			return true
		}
	}
	return false
}

// Value returns what a variable is set to, without its quotes; expansions stay
// as they are written. ok is false if the file does not set it.
func (v *ShellVars) Value(variable string) (value string, ok bool) {
	a := v.assigns[variable]
	if a == nil {
		return "", false
	}
	if a.Value == nil {
		return "", true
	}
	return unquoted(string(v.text[a.Value.Pos().Offset():a.Value.End().Offset()])), true
}

// unquoted is a word without its one pair of quotes; within double ones a backslash
// at the end of a line joins it to the next.
func unquoted(s string) string {
	if !onePair(s) {
		return s
	}
	if s[0] == '"' {
		return strings.ReplaceAll(s[1:len(s)-1], "\\\n", "")
	}
	return s[1 : len(s)-1]
}

// onePair reports whether a word stands in one pair of quotes.
func onePair(s string) bool {
	return len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] && !strings.ContainsRune(s[1:len(s)-1], rune(s[0]))
}

// Flag returns what the file sets a scheduler's flag to, by its own variable or
// within EXTRA_SCHEDULER_ARGS.
func (v *ShellVars) Flag(flag string) (string, bool) {
	extra, _ := v.Value(extraArgs)
	for word := range strings.FieldsSeq(extra) {
		if value, ok := strings.CutPrefix(word, "-"+flag+"="); ok {
			return value, true
		}
	}
	if variable, ok := flagVariables[flag]; ok {
		return v.Value(variable)
	}
	return "", false
}

// Resolved returns what the start script will give a flag: the file's own
// variables are put in for $NAME and ${NAME}. ok is false if the file does not
// set the flag, or its value rests on what only a shell knows.
func (v *ShellVars) Resolved(flag string) (value string, ok bool) {
	value, ok = v.Flag(flag)
	if !ok {
		return "", false
	}
	return v.resolve(value, 8)
}

var expansion = regexp.MustCompile(`\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))`)

func (v *ShellVars) resolve(value string, depth int) (string, bool) {
	ok := true
	value = expansion.ReplaceAllStringFunc(value, func(m string) string {
		inner, set := v.Value(strings.Trim(m, "${}"))
		if !set || depth == 0 {
			ok = false
			return m
		}
		inner, known := v.resolve(inner, depth-1)
		ok = ok && known
		return inner
	})
	if strings.ContainsAny(value, "$`") {
		ok = false
	}
	return value, ok
}

// Rewrite returns the file with the flags changed. A flag with a variable of its
// own is changed there, all others within EXTRA_SCHEDULER_ARGS, which is added
// at the end where the file has none.
func (v *ShellVars) Rewrite(changes []FlagChange) ([]byte, error) {
	values := map[string]string{}
	extra, hasExtra := v.Value(extraArgs)
	words := strings.Fields(extra)
	for _, c := range changes {
		if strings.ContainsAny(c.Value, "\"'`$\\ \t\n;&|<>()") {
			return nil, fmt.Errorf("-%s: the value %q has characters that a shell reads", c.Flag, c.Value)
		}
		kept := words[:0:0]
		for i := 0; i < len(words); i++ {
			if words[i] == "-"+c.Flag {
				return nil, fmt.Errorf("%s: -%s and its value stand apart; write -%s=VALUE", extraArgs, c.Flag, c.Flag)
			}
			if !strings.HasPrefix(words[i], "-"+c.Flag+"=") {
				kept = append(kept, words[i])
			}
		}
		words = kept
		variable, own := flagVariables[c.Flag]
		if _, set := v.Value(variable); own && set {
			if c.Unset {
				return nil, fmt.Errorf("-%s comes from %s: it can't be left out", c.Flag, variable)
			}
			values[variable] = c.Value
		} else if !c.Unset {
			words = append(words, "-"+c.Flag+"="+c.Value)
		}
	}
	if joined := strings.Join(words, " "); joined != strings.Join(strings.Fields(extra), " ") {
		values[extraArgs] = joined
	}
	out, err := v.replace(values, hasExtra)
	if err != nil {
		return nil, err
	}
	return out, proveRewrite(out, changes)
}

// proveRewrite reads the new file as the start script will: whatever odd thing
// stands in the old one, what is not proved is not written.
func proveRewrite(out []byte, changes []FlagChange) error {
	again, err := ParseShellVars("rewritten file", out)
	if err != nil {
		return err
	}
	for _, c := range changes {
		value, set := again.Flag(c.Flag)
		if c.Unset && set || !c.Unset && value != c.Value {
			return fmt.Errorf("-%s would be %q after rewriting, not %q: the file is written in a way that can't be changed safely", c.Flag, value, c.Value)
		}
	}
	return nil
}

func (v *ShellVars) replace(values map[string]string, hasExtra bool) ([]byte, error) {
	type edit struct {
		from, to int
		text     string
	}
	var edits []edit
	for variable, value := range values {
		a := v.assigns[variable]
		if a == nil {
			continue
		}
		at := int(a.Name.End().Offset()) + 1 // Behind the "=".
		e := edit{from: at, to: at, text: `"` + value + `"`}
		if a.Value != nil {
			old := string(v.text[a.Value.Pos().Offset():a.Value.End().Offset()])
			if strings.HasPrefix(old, "'") && strings.Contains(value, "$") {
				return nil, fmt.Errorf("%s is in single quotes and has a $", variable)
			}
			if !onePair(old) && strings.ContainsAny(old, "\"'\\") || strings.Contains(unquoted(old), "\\") {
				return nil, fmt.Errorf("%s is quoted in parts; put it into one pair of quotes", variable)
			}
			e.from, e.to = int(a.Value.Pos().Offset()), int(a.Value.End().Offset())
		}
		edits = append(edits, e)
	}
	out := bytes.Clone(v.text)
	for len(edits) > 0 { // From the end, so that offsets before stay right.
		last := 0
		for i := range edits {
			if edits[i].from > edits[last].from {
				last = i
			}
		}
		e := edits[last]
		out = append(out[:e.from:e.from], append([]byte(e.text), out[e.to:]...)...)
		edits = append(edits[:last], edits[last+1:]...)
	}
	if value, changed := values[extraArgs]; changed && !hasExtra {
		if len(out) > 0 && out[len(out)-1] != '\n' {
			out = append(out, '\n')
		}
		out = append(out, extraArgs+`="`+value+"\"\n"...)
	}
	return out, nil
}
