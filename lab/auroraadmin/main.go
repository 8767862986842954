// Package auroraadmin stands in for aurora_admin, the command-line client of
// an Aurora scheduler's administrators, as far as a recovery needs it.
//
// Streams, texts and exit statuses are those of the recorded 0.22.0; that one
// is a Python 2.7 program, and so are its tracebacks and the order in which it
// lists things. [Main] is the whole command.
package auroraadmin

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

//go:embed usage/*.txt
var usages embed.FS

// environment is a process's environment, NAME=VALUE each.
type environment []string

func (e environment) get(name string) string {
	for i := len(e) - 1; i >= 0; i-- {
		if v, ok := strings.CutPrefix(e[i], name+"="); ok {
			return v
		}
	}
	return ""
}

// release is the version of aurora_admin that is stood in for.
type release struct{ major, minor int }

func (r release) before(major, minor int) bool {
	return r.major < major || r.major == major && r.minor < minor
}

func parseRelease(s string) (release, error) {
	if s == "" {
		return release{0, 22}, nil
	}
	parts := strings.SplitN(s, ".", 3)
	if len(parts) < 2 {
		return release{}, fmt.Errorf("AURORA_ADMIN_VERSION=%s: not a version such as 0.22.0", s)
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if errors.Join(err1, err2) != nil {
		return release{}, fmt.Errorf("AURORA_ADMIN_VERSION=%s: not a version such as 0.22.0", s)
	}
	return release{major, minor}, nil
}

// admin is one run of the command.
type admin struct {
	out, err io.Writer
	env      environment
	release  release
	pace     pace
	clock    *clock
	clusters clusters
	http     *http.Client
}

// Main is the command aurora_admin: args[0] is its own name, the exit status
// is returned.
//
// env is read for AURORA_CONFIG_ROOT and HOME, and for two settings of the
// stand-in: AURORA_ADMIN_VERSION, the release to stand in for (default 0.22.0;
// before 0.13 it speaks Thrift's JSON protocol, before 0.12 it has no
// --bypass-leader-redirect), and AURORA_ADMIN_TIMESCALE, by which its waits
// are multiplied (default 1; 0.01 makes the ten minutes of retries six seconds).
func Main(args []string, _ io.Reader, stdout, stderr io.Writer, env []string) int {
	return run(args, stdout, stderr, env, realPace)
}

func run(args []string, stdout, stderr io.Writer, env environment, p pace) int {
	a := &admin{out: stdout, err: stderr, env: env, pace: p, clock: &clock{scale: 1}, http: newHTTPClient()}
	var err error
	if a.release, err = parseRelease(a.env.get("AURORA_ADMIN_VERSION")); err != nil {
		return a.complain("aurora_admin: " + err.Error())
	}
	if s := a.env.get("AURORA_ADMIN_TIMESCALE"); s != "" {
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || f <= 0 {
			return a.complain("aurora_admin: AURORA_ADMIN_TIMESCALE=" + s + ": not a positive number")
		}
		a.clock.scale = f
	}
	if a.clusters, err = loadClusters(a.env); err != nil {
		_, _ = io.WriteString(a.err, traceback(importing, "apache.aurora.common.clusters.ParseError: "+err.Error()))
		return 1
	}
	if len(args) < 2 || !slices.Contains(a.names(), args[1]) {
		return a.complain("Must supply one of the following commands: " + strings.Join(a.names(), ", "))
	}
	if args[1] == "help" {
		return a.help(args[2:])
	}
	c, ok := commands[args[1]]
	if !ok {
		return a.complain("aurora_admin: " + args[1] + " is not part of this stand-in")
	}
	return a.run(c, args[2:])
}

// names are the commands of the release, sorted.
func (a *admin) names() []string {
	names := []string{
		"get_cluster_config", "get_scheduler", "help", "host_activate", "host_deactivate", "host_drain", "host_status",
		"increase_quota", "query", "scheduler_backup_now", "scheduler_commit_recovery", "scheduler_delete_recovery_tasks",
		"scheduler_list_backups", "scheduler_print_recovery_tasks", "scheduler_snapshot", "scheduler_stage_recovery",
		"scheduler_unload_recovery", "set_quota", "sla_list_safe_domain", "sla_probe_hosts",
	}
	if a.release.before(0, 13) {
		names = append(names, "get_locks")
	}
	if !a.release.before(0, 16) {
		names = append(names, "reconcile_tasks")
	}
	if !a.release.before(0, 18) {
		names = append(names, "prune_tasks")
	}
	if !a.release.before(0, 21) {
		names = append(names, "sla_host_drain")
	}
	slices.Sort(names)
	return names
}

func (a *admin) complain(text string) int {
	_, _ = io.WriteString(a.err, text+"\n")
	return 1
}

// log writes a line as twitter.commons' plain log format does.
func (a *admin) log(level, format string, args ...any) {
	_, _ = fmt.Fprintf(a.err, "%5s] %s\n", level, fmt.Sprintf(format, args...))
}

func (a *admin) die(format string, args ...any) int {
	a.log("FATAL", format, args...)
	return 1
}

func (a *admin) help(args []string) int {
	file := "all"
	if len(args) > 0 {
		if !slices.Contains(a.names(), args[0]) {
			_, _ = fmt.Fprintf(a.out, "Subcommand %s not found.\n", args[0])
			return 1
		}
		file = args[0]
	}
	b, err := usages.ReadFile("usage/" + file + ".txt")
	if err != nil {
		return a.complain("aurora_admin: help of " + file + " is not part of this stand-in")
	}
	_, _ = a.out.Write(b)
	return 0
}

// options splits a command's arguments: options stand before the first
// argument, later ones are arguments like any other.
func (a *admin) options(c command, args []string) (map[string]string, []string, error) {
	opts := map[string]string{}
	for len(args) > 0 && strings.HasPrefix(args[0], "-") && len(args[0]) > 1 {
		if args[0] == "--" {
			return opts, args[1:], nil
		}
		name, value, given := strings.Cut(args[0], "=")
		args = args[1:]
		boolean := slices.Contains(c.switches, name) || name == "--bypass-leader-redirect" && !a.release.before(0, 12)
		switch {
		case boolean && !given:
			opts[name] = "true"
		case slices.Contains(c.settings, name) && given:
			opts[name] = value
		case slices.Contains(c.settings, name) && len(args) > 0:
			opts[name], args = args[0], args[1:]
		default:
			return nil, nil, fmt.Errorf("no such option: %s", name)
		}
	}
	return opts, args, nil
}

// run checks a command's arguments and runs it.
func (a *admin) run(c command, args []string) int {
	opts, args, err := a.options(c, args)
	if err != nil {
		_, _ = fmt.Fprintf(a.err, "Usage: %s\n\naurora_admin: error: %v\n", c.usage, err)
		return 2
	}
	if len(args) < c.min || len(args) > c.max {
		return a.die("usage: %s\n\nsee the help subcommand for more details.", c.usage)
	}
	named := args[0]
	entry, ok := a.clusters.byName[named]
	if !ok {
		return a.die("Unknown cluster: %s. Known clusters: %s", named, strings.Join(a.clusters.order, ", "))
	}
	cl := &client{
		cluster: entry, bypass: opts["--bypass-leader-redirect"] == "true",
		release: a.release, pace: a.pace, clock: a.clock, http: a.http, log: a.log,
	}
	status, err := c.run(call{admin: a, client: cl, options: opts}, args[1:])
	var python *pythonError
	if errors.As(err, &python) {
		frames := slices.Concat(outer, c.frames, python.frames)
		_, _ = io.WriteString(a.err, traceback(frames, python.Error()))
		return 1
	}
	if err != nil {
		return a.complain("aurora_admin: " + err.Error())
	}
	return status
}
