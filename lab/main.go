// Command lab is a cluster to rehearse a recovery on, with a Slack to do it in:
//
//	go run ./lab              a cluster and a web page, until Ctrl-C
//	go run ./lab --auto       a whole recovery with everybody played
//
// The same program is also every tool of the hosts that it makes, by the name
// that it is called by.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"aurorabot/lab/cluster"
	"aurorabot/lab/script"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "tool" {
		os.Args = os.Args[2:]
	}
	if status, ok := cluster.RunProgram(os.Args); ok {
		os.Exit(status)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

const usage = `Usage: lab [options]

Without options: a cluster of three schedulers and a Slack sandbox with a web
page, until Ctrl-C. With --auto: a whole recovery with everybody played; exit
status 0 if it ended recovered, 3 stopped, 5 refused, 1 if the lab failed or
what the journal says is not so.

Examples:
  go run ./lab
  go run ./lab --auto --damage corrupt:2
  go run ./lab --auto --keep kept --json > events.jsonl

Options:
`

// usageStatus is the exit status for a command line that makes no sense.
const usageStatus = 2

// settings are the command line.
type settings struct {
	auto, json bool
	bastion    bool
	damage     cluster.Damage
	cheat      string
	terminal   bool   // People have accounts of this machine.
	slackless  bool   // There is no Slack.
	self       string // The lab's program. Empty: this one.
	honest     bool
	reason     string
	reinit     string
	backup     string
	shelf      string
	record     string
	keep       string
	bot        string
	hosts      string
	supervisor string
	slow       bool
	salvage    bool
	schedulers int
	recipe     string
	catchUp    bool
	secure     bool
	admin      string
	killAt     string
	vanish     string
	after      string
	configure  string
	limit      time.Duration
}

func read(args []string, errs io.Writer) (*settings, error) {
	s := &settings{}
	damage := ""
	f := flag.NewFlagSet("lab", flag.ContinueOnError)
	f.SetOutput(errs)
	hidden := map[string]bool{"kill-at": true, "after": true, "honest": true, "limit": true, "configure": true}
	f.Usage = func() {
		fmt.Fprint(errs, usage)
		f.VisitAll(func(o *flag.Flag) {
			if hidden[o.Name] {
				return
			}
			value, text := flag.UnquoteUsage(o)
			fmt.Fprintf(errs, "  %s\n%s", strings.TrimSpace("--"+o.Name+" "+value), folded(text))
		})
	}
	f.BoolVar(&s.auto, "auto", false, "play everybody, and end")
	f.BoolVar(&s.json, "json", false, "with --auto: the journal's events as JSON lines")
	f.IntVar(&s.schedulers, "schedulers", 3, "`N` scheduler hosts: 1, 3 or 5")
	f.StringVar(&damage, "damage", "", "`KIND[:N]` damages N hosts first (default 2): "+strings.Join(cluster.DamageKinds, ", "))
	f.StringVar(&s.cheat, "cheat", "", "with --auto: `KIND` of an attempt to get round the policy: "+strings.Join(script.Cheats, ", "))
	f.StringVar(&s.reason, "reason", "the state of the backup itself is wanted back (rehearsal)", "`TEXT` why the backup is wanted; '' gives none")
	f.StringVar(&s.reinit, "reinitialize", "", "with --auto: `auto|always|never`, as of recover")
	f.BoolVar(&s.salvage, "salvage", false, "with --auto: what the best log still holds is restored, not the backup")
	f.StringVar(&s.backup, "backup", "", "`FILE` to play with (default: one of 65 tasks)")
	f.StringVar(&s.shelf, "backups", "", "`STATE` that the backups of all hosts are in, instead of the one to play with: "+strings.Join(cluster.Shelves, ", "))
	f.StringVar(&s.record, "record", "", "`FILE` that gets every Web API call of the bot as JSON lines")
	f.StringVar(&s.keep, "keep", "", "with --auto: `DIR` that keeps DIR/HOST/log, as the logs were before Cleanup, and DIR/journal")
	f.StringVar(&s.bot, "bot", "", "`FILE` of the bot's program (default: built from this module)")
	f.StringVar(&s.hosts, "hosts", "embedded", "`KIND`: embedded, or real (root: namespaces, systemd, sshd, ZooKeeper)")
	f.BoolVar(&s.bastion, "bastion", false, "with --hosts real: the hosts are behind a bastion, and each sshd allows two sessions of a connection at once")
	f.StringVar(&s.supervisor, "supervisor", "systemd", "with --hosts real: `NAME` of what starts the schedulers: systemd, "+strings.Join(cluster.Supervisors(), ", "))
	f.BoolVar(&s.slow, "slow-start", false, "schedulers start in stages and leave nodes behind, as slowly as real ones (default with --hosts real)")
	f.StringVar(&s.recipe, "recipe", "", "`NAME` of the recipe, as in a configuration")
	f.BoolVar(&s.catchUp, "catch-up", false, "with --auto and --recipe offline: one host is loaded, and the others learn from it")
	f.StringVar(&s.admin, "admin", "aurora_admin", "`HOW` the bot acts on schedulers: aurora_admin or api")
	f.BoolVar(&s.secure, "secure", false, "schedulers want a user (shiro), and TLS is spoken in front of them; with --admin api, on embedded hosts")
	f.StringVar(&s.killAt, "kill-at", "", "`KIND[@STEP]` or number of the event at which the bot is killed")
	f.StringVar(&s.vanish, "vanish", "", "with --auto: `KIND[@STEP]%HOST`, the event at which that host's power fails; people go on without it and settle it at the end")
	f.StringVar(&s.after, "after", "resume", "what follows a kill: `resume|undo`")
	f.BoolVar(&s.honest, "honest", false, "a cheat's order of acts, without the cheat")
	f.StringVar(&s.configure, "configure", "", "`FILE` whose text is added to the bot's configuration")
	f.DurationVar(&s.limit, "limit", 0, "`TIME` after which --auto gives up")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("%q: no arguments are taken, only options", f.Arg(0))
	}
	if s.hosts == "real" && !given(f, "slow-start") {
		s.slow = true
	}
	s.terminal = s.cheat == script.SudoAsOther
	return s, s.check(damage)
}

// folded is the text of an option, indented, for a terminal of 80 columns.
func folded(text string) string {
	const indent, width = "       ", 80
	var b strings.Builder
	at := 0
	for word := range strings.FieldsSeq(text) {
		switch n := utf8.RuneCountInString(word); {
		case at > 0 && at+1+n > width:
			b.WriteString("\n")
			fallthrough
		case at == 0:
			b.WriteString(indent)
			at = len(indent)
			fallthrough
		default:
			b.WriteString(" " + word)
			at += 1 + n
		}
	}
	return b.String() + "\n"
}

// given reports whether an option was set.
func given(f *flag.FlagSet, name string) bool {
	found := false
	f.Visit(func(o *flag.Flag) { found = found || o.Name == name })
	return found
}

// check refuses what makes no sense, before anything is started.
func (s *settings) check(damage string) error {
	if !slices.Contains([]int{1, 3, 5}, s.schedulers) {
		return fmt.Errorf("schedulers %d: a log has 1, 3 or 5 replicas", s.schedulers)
	}
	if damage != "" {
		d, err := cluster.ParseDamage(damage, s.schedulers)
		if err != nil {
			return err
		}
		s.damage = d
	}
	if err := script.CheckCheat(s.cheat); err != nil {
		return err
	}
	switch {
	case s.secure && (s.admin != "api" || s.hosts != "embedded"):
		return errors.New("--secure: it belongs to --admin api, on embedded hosts")
	case s.bastion && s.hosts != "real":
		return errors.New("--bastion: it belongs to --hosts real")
	case s.catchUp && s.recipe != "offline":
		return errors.New("--catch-up: it belongs to --recipe offline")
	case s.hosts != "embedded" && s.hosts != "real":
		return fmt.Errorf("hosts %q: the kinds are embedded and real", s.hosts)
	case s.admin != "aurora_admin" && s.admin != "api":
		return fmt.Errorf("admin %q: it is aurora_admin or api", s.admin)
	case s.supervisor != "systemd" && (s.hosts != "real" || damage != "" || !slices.Contains(cluster.Supervisors(), s.supervisor)):
		return fmt.Errorf("supervisor %q: on real hosts without damage, %s", s.supervisor, strings.Join(cluster.Supervisors(), ", "))
	case s.vanish != "" && (!strings.Contains(s.vanish, "%") || s.hosts == "real"):
		return errors.New("vanish: it is KIND[@STEP]%HOST, on embedded hosts")
	case s.after != "resume" && s.after != "undo":
		return fmt.Errorf("after %q: it is resume or undo", s.after)
	case s.shelf != "" && !slices.Contains(cluster.Shelves, s.shelf):
		return fmt.Errorf("backups %q: the states are %s", s.shelf, strings.Join(cluster.Shelves, ", "))
	case s.shelf != "" && s.auto:
		return errors.New("--backups and --auto: a recovery needs the backup that is played with")
	case !s.auto && (s.cheat != "" || s.json || s.keep != "" || s.killAt != "" || s.vanish != "" || s.salvage):
		return errors.New("--cheat, --json, --keep and --salvage need --auto")
	}
	return nil
}

func run(ctx context.Context, args []string, out, errs io.Writer) int {
	s, err := read(args, errs)
	if errors.Is(err, flag.ErrHelp) {
		return script.Done
	}
	if err != nil {
		fmt.Fprintf(errs, "lab: %v\nhint: lab --help\n", err)
		return usageStatus
	}
	if s.auto {
		limit := s.limit
		if limit == 0 {
			switch limit = autoLimit; {
			case s.hosts == "real":
				limit = realLimit
			case s.slow:
				limit = slowLimit
			}
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, fmt.Errorf("it is not over after %s", limit))
		defer cancel()
	}
	l, err := start(ctx, s, errs)
	if err != nil {
		fmt.Fprintf(errs, "lab: %v\n", err)
		return script.Failed
	}
	defer l.close()
	if !s.auto {
		return l.interactive(ctx, out)
	}
	return l.play(ctx, out, errs)
}

// How long --auto may take: with embedded hosts it must end within 150 s, and
// with schedulers that start slowly within 300, taking down included.
const (
	autoLimit = 140 * time.Second
	slowLimit = 290 * time.Second
	realLimit = 15 * time.Minute
)
