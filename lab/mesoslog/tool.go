package mesoslog

import (
	"bufio"
	"embed"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

//go:embed usage/*.txt
var usages embed.FS

// usage is the recorded usage of a sub-command, under a message.
func usage(command, message string) string {
	b, err := usages.ReadFile("usage/" + command + ".txt")
	if err != nil {
		panic(err) // the files are part of the program
	}
	return message + "\n\n" + string(b)
}

// Main is the command mesos-log: args[0] is its own name, the exit status is
// returned. Entries go to stdout, everything else to stderr.
//
// It has initialize and read; replica checks its options and initializes, and
// benchmark only checks its options. env is read for LIBPROCESS_IP,
// LIBPROCESS_PORT and GLOG_v. The status 134 stands for the abort of the real
// one, which a shell reports so.
func Main(args []string, _ io.Reader, stdout, stderr io.Writer, env []string) int {
	t := &tool{name: "mesos-log", out: stdout, err: stderr, env: env}
	if len(args) > 0 {
		t.name = args[0]
		args = args[1:]
	}
	switch {
	case len(args) == 0:
		t.commands("")
		return 1
	case args[0] == "help" && len(args) == 1:
		t.commands("")
		return 0
	case args[0] == "help":
		args = []string{args[1]}
	}
	run := map[string]func([]string) int{
		"initialize": t.initialize, "read": t.read,
		"replica": t.replica, "benchmark": t.benchmark,
	}[args[0]]
	if run == nil {
		t.commands("Cannot find command '" + args[0] + "'\n\n")
		return 1
	}
	return run(args[1:])
}

// tool is one run of the command.
type tool struct {
	name     string
	out, err io.Writer
	env      []string
	log      *glog
}

func (t *tool) commands(message string) {
	_, _ = fmt.Fprintf(t.err, "%sUsage: %s <command> [OPTIONS]\n\nAvailable commands:\n"+
		"    help\n    replica\n    read\n    initialize\n    benchmark\n", message, t.name)
}

// getenv gives a variable of the environment and whether it is set.
func (t *tool) getenv(name string) (string, bool) {
	for i := len(t.env) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(t.env[i], name+"="); ok {
			return v, true
		}
	}
	return "", false
}

func (t *tool) fail(text string) int {
	_, _ = io.WriteString(t.err, text)
	if !strings.HasSuffix(text, "\n") {
		_, _ = io.WriteString(t.err, "\n")
	}
	return 1
}

// flags parses a sub-command's options and checks those that it needs, in
// order. A non-zero status means that it was reported and the command is over.
func (t *tool) flags(command, missing string, args []string, required, optional []string) (map[string]string, int) {
	f, err := parseFlags(args, append(required, optional...))
	if err != nil {
		return nil, t.fail(usage(command, err.Error()))
	}
	for _, name := range required {
		if _, ok := f[name]; !ok {
			return nil, t.fail(usage(command, "Missing required "+missing+" --"+name))
		}
	}
	if f["help"] == "true" {
		return nil, t.fail(strings.TrimPrefix(usage(command, ""), "\n\n"))
	}
	return f, t.start(f)
}

// start initializes libprocess and logging. It gives the exit status when
// that ends the process, else 0.
func (t *tool) start(f map[string]string) int {
	t.log = newGlog(t.err, time.Now)
	if v, ok := t.getenv("GLOG_v"); ok {
		t.log.verbosity, _ = strconv.Atoi(v)
	}
	if status := t.libprocess(); status != 0 {
		return status
	}
	switch {
	case f["quiet"] == "true", f["logging_level"] == "ERROR":
		t.log.min = levelError
	case f["logging_level"] == "WARNING":
		t.log.min = levelWarning
	}
	return 0
}

// open opens the replica in path; when that fails the process ends with 1.
func (t *tool) open(path string) (*replica, int) {
	r, err := openReplica(path, t.log)
	if err != nil {
		return nil, 1
	}
	return r, 0
}

func (t *tool) initialize(args []string) int {
	f, status := t.flags("initialize", "option", args, []string{"path"}, []string{"timeout"})
	if status != 0 {
		return status
	}
	return t.makeVoting(f["path"])
}

// makeVoting gives an EMPTY replica the status VOTING.
func (t *tool) makeVoting(path string) int {
	r, status := t.open(path)
	if status != 0 {
		return status
	}
	defer func() { _ = r.close() }()
	if r.status() != Empty {
		return t.fail("The log is not empty")
	}
	if !r.setStatus(Voting) {
		return t.fail("Failed to update replica status")
	}
	return 0
}

func (t *tool) read(args []string) int {
	f, status := t.flags("read", "flag", args, []string{"path"}, []string{"timeout", "from", "to"})
	if status != 0 {
		return status
	}
	r, status := t.open(f["path"])
	if status != 0 {
		return status
	}
	defer func() { _ = r.close() }()
	from, to := r.beginning(), r.ending()
	if v, ok := f["from"]; ok {
		from, _ = parsePosition(v)
	}
	if v, ok := f["to"]; ok {
		to, _ = parsePosition(v)
	}
	t.log.info("read.cpp:147", "Attempting to read the log from %d to %d", from, to)
	actions, err := r.readRange(from, to)
	if err != nil {
		return t.fail(err.Error())
	}
	w := bufio.NewWriter(t.out)
	for _, a := range actions {
		_, _ = io.WriteString(w, strings.Repeat("-", 46)+"\n"+actionText(a))
	}
	_ = w.Flush() // a reader that goes away is no error of ours
	return 0
}

func (t *tool) replica(args []string) int {
	f, status := t.flags("replica", "option", args, []string{"quorum", "path", "servers", "znode"}, []string{"initialize", "timeout"})
	if status != 0 {
		return status
	}
	if f["initialize"] != "false" {
		if status := t.makeVoting(f["path"]); status != 0 {
			return status
		}
	}
	return t.fail("replica: this stand-in serves replicas inside its schedulers only")
}

func (t *tool) benchmark(args []string) int {
	_, status := t.flags("benchmark", "option", args,
		[]string{"quorum", "path", "servers", "znode", "input", "output"}, []string{"initialize", "type"})
	if status != 0 {
		return status
	}
	return t.fail("benchmark: not part of this stand-in (" + filepath.Base(t.name) + ")")
}
