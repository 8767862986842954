package flagfile

import (
	"bytes"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// readShell reads a file of shell variables, or a script that starts the scheduler.
func readShell(name string, text []byte) (*start, error) {
	if err := markedOrder(name, text); err != nil {
		return nil, err
	}
	sh := newShell(name, text)
	file, err := parseShell(name, text)
	if err != nil {
		return nil, err
	}
	if err := sh.run(file); err != nil {
		return nil, err
	}
	if len(sh.launches) > 0 {
		args, err := sh.launched()
		return &start{args: args}, err
	}
	return sh.sourced()
}

// byteOrderMark is what some editors put before the first character of a file.
var byteOrderMark = []byte("\xef\xbb\xbf")

// setsFirst is a file whose first line sets a variable.
var setsFirst = regexp.MustCompile(`\A[ \t]*((export|declare|typeset|readonly)[ \t]+)?[A-Za-z_][A-Za-z0-9_]*\+?=`)

// markedOrder refuses a byte order mark where it keeps the first line from being what
// it looks like, and line ends that a shell takes for characters.
func markedOrder(name string, text []byte) error {
	if first, marked := bytes.CutPrefix(text, byteOrderMark); marked {
		if _, err := parseShell(name, text); err != nil || setsFirst.Match(first) {
			return fmt.Errorf("%s:1: it begins with a byte order mark, which a shell takes for a part of the first word, so that the first line does not do what it says: save the file without it", name)
		}
	}
	if i := bytes.IndexByte(text, '\r'); i >= 0 {
		return fmt.Errorf("%s:%d: it has a carriage return, which becomes a part of the value: save the file with line feeds alone", name, lineOf(text, i))
	}
	return nil
}

func parseShell(name string, text []byte) (*syntax.File, error) {
	file, err := syntax.NewParser(syntax.KeepComments(true), syntax.Variant(syntax.LangBash)).Parse(bytes.NewReader(text), name)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	return file, nil
}

// launched are the arguments of the command that starts the scheduler. Where more
// than one does they must be the same ones, from the same place.
func (sh *shell) launched() ([]arg, error) {
	first := sh.launches[0]
	for _, l := range sh.launches[1:] {
		if !slices.EqualFunc(first.args[flagsFrom(first.args):], l.args[flagsFrom(l.args):], arg.same) {
			return nil, fmt.Errorf("%s: it starts the scheduler on line %d and, with other arguments, on line %d: which one counts would be a guess; %s", sh.name, first.line, l.line, OwnWay)
		}
	}
	return first.args, nil
}

// ownVariables carry a flag of their own in the start script of Debian's packages.
var ownVariables = []struct{ variable, flag string }{
	{"CLUSTER_NAME", "cluster_name"}, {"HTTP_PORT", "http_port"}, {"QUORUM_SIZE", "native_log_quorum_size"}, {"ZK_ENDPOINTS", "zk_endpoints"},
	{"MESOS_MASTER", "mesos_master_address"}, {"ZK_SERVERSET_PATH", "serverset_path"}, {"ZK_LOGDB_PATH", "native_log_zk_group_path"},
	{"LOGDB_FILE_PATH", "native_log_file_path"}, {"BACKUP_DIR", "backup_dir"}, {"THERMOS_EXECUTOR_PATH", "thermos_executor_path"},
	{"THERMOS_EXECUTOR_RESOURCES", "thermos_executor_resources"}, {"THERMOS_EXECUTOR_FLAGS", "thermos_executor_flags"},
	{"ALLOWED_CONTAINER_TYPES", "allowed_container_types"},
}

// ownVariable is the variable of a flag, "" if it has none.
func ownVariable(flag string) string {
	for _, o := range ownVariables {
		if o.flag == flag {
			return o.variable
		}
	}
	return ""
}

// extraArgs is the variable that carries all other flags.
const extraArgs = "EXTRA_SCHEDULER_ARGS"

// sourced is what the start script of a package makes of variables: rpm's takes an
// array, Debian's a variable for each of some flags and one for the rest, others one
// variable with all of them.
func (sh *shell) sourced() (*start, error) {
	var lists []string // The variables that hold flags of the scheduler.
	for _, name := range sh.order {
		v := sh.vars[name]
		if v == nil || name == "@" || name == extraArgs || !holdsFlags(v) {
			continue
		}
		lists = append(lists, name)
	}
	lists = sh.outer(lists)
	debian := sh.vars[extraArgs] != nil || slices.ContainsFunc(ownVariables[:9], func(o struct{ variable, flag string }) bool { return sh.vars[o.variable] != nil })
	switch {
	case len(lists) > 1:
		return nil, fmt.Errorf("%s: flags are in %s and in %s: which of them the start takes is a guess; %s", sh.name, lists[0], lists[1], OwnWay)
	case len(lists) == 1 && sh.vars[extraArgs] != nil && !sh.uses(lists[0], extraArgs):
		return nil, fmt.Errorf("%s:%d: the flags are in %s, and others in %s: which of them the start takes is a guess; %s", sh.name, sh.vars[lists[0]].line, lists[0], extraArgs, OwnWay)
	case len(lists) == 1:
		v := sh.vars[lists[0]]
		if v.array {
			return &start{args: v.elems}, nil
		}
		return &start{args: split(seenAll(v.elems), true)}, nil
	case !debian:
		return &start{}, nil
	}
	s := &start{variables: &variables{sh}, elsewhere: true}
	for _, o := range ownVariables {
		if v := sh.vars[o.variable]; v != nil {
			if v.twice {
				return nil, fmt.Errorf("%s:%d: %s is assigned twice: leave one of them", sh.name, v.line, o.variable)
			}
			if v.array && len(v.elems) != 1 {
				return nil, fmt.Errorf("%s:%d: %s is an array, where the start script takes one value", sh.name, v.line, o.variable)
			}
			s.args = append(s.args, arg{append(nowhere("-"+o.flag+"="), seenAll(v.elems)...)})
		}
	}
	if v := sh.vars[extraArgs]; v != nil {
		if v.twice {
			return nil, fmt.Errorf("%s:%d: %s is assigned twice: leave one of them", sh.name, v.line, extraArgs)
		}
		if v.array && len(v.elems) > 1 {
			return nil, fmt.Errorf("%s:%d: %s is an array, of which a start script that reads $%s takes the first element alone: put all flags into one pair of quotes", sh.name, v.line, extraArgs, extraArgs)
		}
		s.args = append(s.args, split(seenAll(v.elems), true)...)
	}
	return s, nil
}

// outer leaves out the lists that another one takes in.
func (sh *shell) outer(lists []string) []string {
	return slices.DeleteFunc(slices.Clone(lists), func(l string) bool {
		return slices.ContainsFunc(lists, func(o string) bool { return o != l && sh.uses(o, l) })
	})
}

// uses tells whether the value of one variable was taken from another.
func (sh *shell) uses(one, other string) bool {
	return sh.vars[one] != nil && sh.vars[one].from[other]
}

// holdsFlags tells whether a variable's words are flags of the scheduler.
func holdsFlags(v *variable) bool {
	words := v.elems
	if !v.array {
		words = split(seenAll(v.elems), true)
	}
	return slices.ContainsFunc(words, arg.schedulers)
}

// seenAll is the text of a variable that is no array, or of its only element.
func seenAll(elems []arg) []char {
	if len(elems) == 0 {
		return nil
	}
	return elems[0].chars
}

// split is what a shell makes of the value of an expansion without quotes.
func split(chars []char, all bool) []arg {
	var args []arg
	var now []char
	some := false
	for _, c := range chars {
		if (c.split || all) && !c.opaque && (c.s == " " || c.s == "\t" || c.s == "\n") {
			if some {
				args = append(args, arg{now})
			}
			now, some = nil, false
			continue
		}
		now, some = append(now, c), true
	}
	if some {
		args = append(args, arg{now})
	}
	return args
}

// quiet are commands that only say or look, whatever their arguments are.
var quiet = map[string]bool{
	"echo": true, "printf": true, "logger": true, "log": true, "test": true, "[": true, "grep": true, "pgrep": true, "pkill": true,
	"mkdir": true, "chown": true, "chmod": true, "ls": true, "cat": true, "rm": true, "cp": true, "mesos-log": true, "install": true, "killproc": true, "pidofproc": true, "status": true,
}

// launch notes a command if it starts the scheduler.
func (sh *shell) launch(fields []arg, at syntax.Pos) error {
	words := fields
	for len(words) > 1 && slices.Contains([]string{"exec", "nohup", "command"}, words[0].shown()) {
		words = words[1:]
	}
	if len(words) == 0 || quiet[path.Base(words[0].shown())] {
		return nil
	}
	starts := slices.ContainsFunc(words, arg.schedulers)
	for i, w := range words {
		s := w.shown()
		if path.Base(s) == "aurora-scheduler" && (i == 0 || !strings.HasPrefix(s, "-")) && len(words) > i+1 || s == "org.apache.aurora.scheduler.app.SchedulerMain" {
			starts = true
		}
		if strings.ContainsAny(s, " \n") && inString.MatchString(s) && !w.schedulers() {
			return fmt.Errorf("%s:%d: the scheduler is started by a string that another shell reads (%.60s…): what becomes of its quotes can't be told; %s", sh.name, at.Line(), s, OwnWay)
		}
	}
	if starts {
		sh.launches = append(sh.launches, launch{fields, int(at.Line())})
	}
	return nil
}

// inString is a flag of the scheduler within a text.
var inString = regexp.MustCompile(`(^|\s)-(native_log_file_path|mesos_master_address|cluster_name|zk_endpoints|serverset_path|backup_dir)=`)
