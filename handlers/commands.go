package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aurorabot/handlers/syntax"
	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
)

// The exit statuses that scripts rely on.
const (
	ExitDone     = 0
	ExitError    = 1
	ExitUsage    = 2
	ExitStopped  = 3
	ExitWaiting  = 4
	ExitRefused  = 5
	ExitFindings = 6
)

// A Scope says what the arguments of a command name, and so for which clusters
// policy judges it. A row must give one: the zero value is refused.
type Scope int

// The scopes.
const (
	NoCluster   Scope = iota + 1 // They name no cluster: whoever has the permission on any cluster has it here.
	OneCluster                   // The first one names a cluster. Where it is optional and left out, the command shows only what the caller may read.
	AllClusters                  // Each one names a cluster. Where none is given, as OneCluster.
	OneRun                       // The first one names a run, by its ID or by its cluster.
	OneDebt                      // The last one names a host that was left out of a run, the one before it the run.
)

// A Command is one row of the table: Slack, the command line and help range over it.
type Command struct {
	Name  string
	Scope Scope
	Usage string // What stands behind the name.
	Help  string // One line.
	Needs policy.Permission
	Args  [2]int // Fewest and most arguments; -1: no limit.

	Options []syntax.Option
	Do      func(*Service, context.Context, call) Response
	Runs    bool // Of OneCluster: the ID of a run will do too.
	Clock   bool // The clock may ask for it though it needs more than reading: it changes nothing on a cluster.
}

// A call is a request whose words were read by the table.
type call struct {
	Request
	cmd   *Command
	args  []string
	flags map[string]string
}

// Exits says what each exit status means.
var Exits = map[int]string{
	ExitDone: "done", ExitError: "error", ExitUsage: "the command line makes no sense", ExitStopped: "stopped at a step: resume or undo",
	ExitWaiting: "waiting for approval", ExitRefused: "refused by policy, or not needed", ExitFindings: "findings at or above the severity asked for", 130: "interrupted",
}

// option are the options of all commands; each means the same everywhere.
var option = struct{ recipe, catchUp, reinitialize, reason, without, dryRun, severity, png, nagios, gate, digest, typed, confirm, dir, channel, lost, off syntax.Option }{
	recipe:       syntax.Option{Name: "recipe", Value: "NAME", Help: "the recipe; by default the one in the configuration"},
	catchUp:      syntax.Option{Name: "catch-up", Help: "recipe offline: load one host only, and let the others learn from it, as documented; by default all get a copy"},
	reinitialize: syntax.Option{Name: "reinitialize", Value: "auto|always|never", Help: "whether to initialise the replicas' logs again"},
	reason:       syntax.Option{Name: "reason", Value: "TEXT", Help: "why, for those who approve and for the journal"},
	without:      syntax.Option{Name: "without", Value: "HOST", Help: "continue without a scheduler host that is gone for good; separate several with commas"},
	dryRun:       syntax.Option{Name: "dry-run", Help: "only show the plan"},
	severity:     syntax.Option{Name: "severity", Value: "info|warning|critical", Help: "the least severity that counts; warning if none is given"},
	png:          syntax.Option{Name: "png", Value: "FILE", Help: "also draw a chart"},
	nagios:       syntax.Option{Name: "nagios", Help: "one line and the exit status that Nagios reads: 0 ok, 1 warning, 2 critical, 3 unknown"},
	gate:         syntax.Option{Name: "gate", Value: "NAME", Help: "the gate to decide at"},
	digest:       syntax.Option{Name: "digest", Value: "DIGEST", Help: "the digest shown at the gate"},
	typed:        syntax.Option{Name: "typed", Value: "CLUSTER", Help: "the cluster's name, where a gate asks for it"},
	confirm:      syntax.Option{Name: "confirm", Help: "confirm that you read the warning"},
	dir:          syntax.Option{Name: "o", Value: "DIR", Help: "the folder to write to"},
	lost:         syntax.Option{Name: "lost", Help: "the jobs whose tasks the recovery kills"},
	off:          syntax.Option{Name: "off", Help: "return to the requested backup"},
	channel:      syntax.Option{Name: "channel", Value: "CHANNEL", Help: "answer as if asked from that channel"},
}

// Table is the table of commands: Slack, the command line, completion and the
// manual are made of it. It is a function because Do of help ranges over it.
func Table() []Command {
	return []Command{
		{Name: "recover", Scope: OneCluster, Usage: "CLUSTER BACKUP [--recipe staged|offline] [--catch-up] [--reinitialize auto|always|never] [--without HOST] [--reason TEXT] [--dry-run]", Needs: policy.Operate,
			Help:    "restore a backup: plan, approvals, all phases of the runbook",
			Options: []syntax.Option{option.recipe, option.catchUp, option.reinitialize, option.reason, option.without, option.dryRun}, Args: [2]int{2, 2}, Do: (*Service).doRecover},
		{Name: "plan", Scope: OneCluster, Usage: "CLUSTER BACKUP [--recipe staged|offline] [--catch-up] [--reinitialize auto|always|never] [--reason TEXT]", Needs: policy.Read,
			Help:    "show every command and file change of a recovery, per host, and any obstacles; changes nothing",
			Options: []syntax.Option{option.recipe, option.catchUp, option.reinitialize, option.reason}, Args: [2]int{2, 2}, Do: (*Service).doPlan},
		{Name: "status", Scope: OneCluster, Runs: true, Usage: "[CLUSTER | RUN] [--severity info|warning|critical]", Needs: policy.Read,
			Help: "show open runs, and how a cluster is: schedulers, leader, log, newest backup; of a run, its open gate whole", Options: []syntax.Option{option.severity}, Args: [2]int{0, 1}, Do: (*Service).doStatus},
		{Name: "backups", Scope: OneCluster, Usage: "CLUSTER", Needs: policy.Read,
			Help: "list the backups of all hosts: inner time, age, size, tasks, valid or why not", Args: [2]int{1, 1}, Do: (*Service).doBackups},
		{Name: "report", Scope: AllClusters, Usage: "[CLUSTER...] [--severity info|warning|critical] [--png FILE] [--nagios]", Needs: policy.Read,
			Help: "say whether each cluster could be restored today; exit status 6 with findings", Options: []syntax.Option{option.png, option.nagios, option.severity}, Args: [2]int{0, -1}, Do: (*Service).doReport},
		{Name: "acknowledge", Scope: OneCluster, Usage: "CLUSTER [--reason TEXT]", Needs: policy.Operate,
			Help: "acknowledge an alert: no reminder until its state changes", Options: []syntax.Option{option.reason}, Args: [2]int{1, 1}, Do: (*Service).doAcknowledge},
		{Name: "approve", Scope: OneRun, Usage: "RUN [--gate NAME] [--typed CLUSTER] [--digest D]", Needs: policy.Approve,
			Help:    "approve what the open gate shows; on a terminal it is shown, and you type the cluster's name",
			Options: []syntax.Option{option.gate, option.digest, option.typed}, Args: [2]int{1, 1}, Do: (*Service).doApprove},
		{Name: "deny", Scope: OneRun, Usage: "RUN [--reason TEXT]", Needs: policy.Approve,
			Help: "stop the run at the open gate", Options: []syntax.Option{option.gate, option.digest, option.reason}, Args: [2]int{1, 1}, Do: (*Service).doDeny},
		{Name: "abort", Scope: OneRun, Usage: "RUN [--reason TEXT]", Needs: policy.Operate,
			Help: "stop a run; then resume or undo it", Options: []syntax.Option{option.gate, option.digest, option.reason}, Args: [2]int{1, 1}, Do: (*Service).doAbort},
		{Name: "resume", Scope: OneRun, Usage: "RUN [--without HOST] [--reason TEXT]", Needs: policy.Operate,
			Help: "continue a run that stopped, or continue without a host that is gone for good", Options: []syntax.Option{option.gate, option.digest, option.reason, option.without}, Args: [2]int{1, 1}, Do: (*Service).doResume},
		{Name: "undo", Scope: OneRun, Usage: "RUN [--confirm]", Needs: policy.Operate,
			Help: "undo what a run did, newest first; not after a commit was sent", Options: []syntax.Option{option.gate, option.digest, option.reason, option.typed, option.confirm}, Args: [2]int{1, 1}, Do: (*Service).doUndo},
		{Name: "tasks", Scope: OneRun, Usage: "RUN [--lost]", Needs: policy.Read, Help: "list the tasks in a run's backup, or the jobs that the recovery kills", Options: []syntax.Option{option.lost}, Args: [2]int{1, 1}, Do: (*Service).doTasks},
		{Name: "drop", Scope: OneRun, Usage: "RUN TASK-ID...", Needs: policy.Operate,
			Help: "leave tasks out of what is staged; all approvals are asked for again", Args: [2]int{2, -1}, Do: (*Service).doDrop},
		{Name: "salvage", Scope: OneRun, Usage: "RUN [--off]", Needs: policy.Operate,
			Help:    "restore what a replica's log still holds instead of the backup; all approvals are asked for again",
			Options: []syntax.Option{option.gate, option.digest, option.typed, option.off}, Args: [2]int{1, 1}, Do: (*Service).doSalvage},
		{Name: "history", Scope: OneCluster, Usage: "[CLUSTER]", Needs: policy.Read, Help: "list the runs of the past", Args: [2]int{0, 1}, Do: (*Service).doHistory},
		{Name: "export", Scope: OneRun, Usage: "RUN [-o DIR]", Needs: policy.Read, Help: "write the incident pack: timeline, journal, plan", Options: []syntax.Option{option.dir}, Args: [2]int{1, 1}, Do: (*Service).doExport},
		{Name: "audit", Scope: NoCluster, Usage: "verify [RUN]", Needs: policy.Read, Help: "check the journals' hash chains", Args: [2]int{1, 2}, Do: (*Service).doAudit},
		{Name: "doctor", Scope: OneCluster, Usage: "CLUSTER [--severity info|warning|critical]", Needs: policy.Read,
			Help: "run the pre-flight checks now; read-only; exit status 6 with findings", Options: []syntax.Option{option.severity}, Args: [2]int{1, 1}, Do: (*Service).doDoctor},
		{Name: "help", Scope: NoCluster, Usage: "[COMMAND | GROUP | findings [FINDING]]", Needs: policy.Read, Help: "show the commands, those for one purpose, one of them, or what can be found", Args: [2]int{0, 2}, Do: (*Service).doHelp},
		{Name: "version", Scope: NoCluster, Needs: policy.Read, Help: "show the version", Do: (*Service).doVersion},
		{Name: "assess", Scope: OneCluster, Usage: "CLUSTER [--severity info|warning|critical]", Needs: policy.Read,
			Help: "diagnose a cluster, its logs too, and say whether a restore is needed; changes nothing", Options: []syntax.Option{option.severity}, Args: [2]int{1, 1}, Do: (*Service).doAssess},
		{Name: "settle", Scope: OneDebt, Usage: "[RUN] HOST", Needs: policy.Operate,
			Help: "bring a skipped host back into line, before its scheduler starts", Args: [2]int{1, 2}, Do: (*Service).doSettle},
		{Name: "clean", Scope: OneRun, Usage: "RUN", Needs: policy.Operate,
			Help: "list what a closed run left on the hosts, and ask for its removal; there is no undo", Args: [2]int{1, 1},
			Do: func(s *Service, ctx context.Context, c call) Response { return doClean(ctx, s, c) }},
		{Name: "drill", Scope: OneCluster, Usage: "CLUSTER", Needs: policy.Operate, Clock: true,
			Help: "rehearse a recovery of the newest backup on a lab cluster; the live cluster is only read", Args: [2]int{1, 1}, Do: (*Service).doDrill},
		{Name: "policy", Scope: NoCluster, Usage: "explain [PERSON] [--channel CHANNEL]", Needs: policy.Read,
			Help: "show what policy lets a person do (you by default), by which rule, and at which gates they count", Options: []syntax.Option{option.channel}, Args: [2]int{1, 2}, Do: (*Service).doPolicy},
	}
}

// errUsage is a request that the table cannot read.
type errUsage struct{ why, hint string }

func (e *errUsage) Error() string { return e.why }

// check refuses a row whose scope does not fit its arguments: policy would then
// judge the command for the wrong cluster, or for none.
func (c *Command) check() error {
	fewest, most := c.Args[0], c.Args[1]
	fits := false
	switch c.Scope {
	case NoCluster:
		fits = c.Needs == policy.Read
	case OneCluster:
		fits = most != 0 && (fewest > 0 || c.Needs == policy.Read)
	case AllClusters:
		fits = most < 0 && (fewest > 0 || c.Needs == policy.Read)
	case OneRun, OneDebt:
		fits = fewest > 0
	}
	if !fits {
		return fmt.Errorf("command %s: scope %d does not fit what it needs (%s) and its arguments (%d to %d)", c.Name, c.Scope, c.Needs, fewest, most)
	}
	return nil
}

// parse reads words by a table.
func parse(table []Command, r Request) (call, error) {
	if len(r.Words) == 0 {
		r.Words = []string{"help"}
	}
	i := slices.IndexFunc(table, func(c Command) bool { return c.Name == r.Words[0] })
	if i < 0 {
		return call{}, &errUsage{fmt.Sprintf("there is no command %.40q", r.Words[0]), Suggest(r.Words[0], names(table))}
	}
	c := call{Request: r, cmd: &table[i]}
	var err error
	c.args, c.flags, err = syntax.Parse(c.cmd.Options, r.Words[1:])
	switch {
	case errors.Is(err, syntax.ErrHelp):
		r.Words = []string{"help", c.cmd.Name}
		return parse(table, r)
	case err != nil:
		return c, &errUsage{c.cmd.Name + ": " + err.Error(), c.usage()}
	}
	if len(c.args) < c.cmd.Args[0] || c.cmd.Args[1] >= 0 && len(c.args) > c.cmd.Args[1] {
		return c, &errUsage{c.cmd.Name + ": " + syntax.Counted(len(c.args)), c.usage()}
	}
	return c, nil
}

func (c *call) usage() string {
	return strings.TrimSpace("type `" + c.cmd.Name + " " + c.cmd.Usage + "`")
}

func names(table []Command) []string {
	var list []string
	for i := range table {
		list = append(list, table[i].Name)
	}
	return list
}

// Suggest says what to type instead of a word that is none of the names.
func Suggest(word string, names []string) string {
	best, distance := "", 3
	for _, name := range names {
		if d := levenshtein(word, name); d < distance {
			best, distance = name, d
		}
	}
	if best == "" {
		return "type `help` for the commands"
	}
	return "did you mean `" + best + "`?"
}

func levenshtein(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			last, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, last+cost)
		}
	}
	return row[len(b)]
}

// Handle answers a request: the table reads it, policy allows it, the command
// does it. Refusals go to the audit. The answer holds no secret, whatever a host
// said.
func (s *Service) Handle(ctx context.Context, r Request) Response {
	answer := s.handle(ctx, r)
	if s.Redact == nil {
		return answer
	}
	s.Redact.Strings(&answer.Message)
	if answer.Data != nil {
		if raw, err := json.Marshal(answer.Data); err == nil {
			if clean := s.Redact.JSON(raw); !bytes.Equal(clean, raw) {
				answer.Data = clean
			}
		}
	}
	return answer
}

func (s *Service) handle(ctx context.Context, r Request) Response {
	if r.Forged != nil {
		return s.forged(r)
	}
	c, err := parse(s.table, r)
	var usage *errUsage
	if errors.As(err, &usage) {
		return Response{Message: view.Error(usage.why, usage.hint), Exit: ExitUsage, Private: true}
	}
	c = s.meant(c)
	clusters, run, resp := s.subject(c)
	if resp != nil {
		return *resp
	}
	switch {
	case c.cmd.Name == "help" || c.cmd.Name == "version":
	case r.Clock:
		if err := readOnly(c.cmd); err != nil {
			return s.refuse(c, run, err)
		}
	default:
		if err := s.allow(c, clusters); err != nil {
			return s.refuse(c, run, err)
		}
	}
	return c.cmd.Do(s, ctx, c)
}

// allow asks policy whether the caller may give the command on every one of the
// clusters.
func (s *Service) allow(c call, clusters []string) error {
	for _, cluster := range clusters {
		if err := s.Rules.Allow(c.Actor, c.cmd.Needs, cluster, c.Channel); err != nil {
			return err
		}
	}
	return nil
}

// subject returns the clusters for which policy judges a call, by the scope of
// its command, and the run that it names. There is always at least one; "" stands
// for a call that names none.
func (s *Service) subject(c call) (clusters []string, run string, resp *Response) {
	var st *runner.State
	var err error
	hint := "see the runs with `history`"
	switch c.cmd.Scope {
	case NoCluster:
		return []string{""}, "", nil
	case OneCluster, AllClusters:
		if len(c.args) == 0 {
			return []string{""}, "", nil
		}
		named := c.args
		if c.cmd.Scope == OneCluster {
			named = named[:1]
		}
		i := slices.IndexFunc(named, func(name string) bool { return s.cluster(name) == nil })
		if i < 0 {
			return named, "", nil
		}
		if c.cmd.Runs {
			if st, err = s.find(named[i]); err == nil {
				break
			}
		}
		var names []string
		for _, k := range s.Clusters {
			if s.maySee(c, k.Name) == nil {
				names = append(names, k.Name)
			}
		}
		err, hint = fmt.Errorf("%s: there is no cluster %.60q", c.cmd.Name, named[i]), ""
		if len(names) > 0 {
			hint = "configured are: " + strings.Join(names, ", ")
		}
	case OneRun:
		st, err = s.find(c.args[0])
	case OneDebt:
		st, err = s.debtor(c.args)
		hint = "see what is owed with `status`"
	default:
		err, hint = fmt.Errorf("%s: the table of commands does not say what it is about", c.cmd.Name), ""
	}
	if err != nil {
		return nil, "", &Response{Message: view.Error(err.Error(), hint), Exit: ExitError, Private: true}
	}
	return []string{st.Request.Cluster}, st.Run, nil
}

// Read reads the words of a command without counting its arguments, for a surface
// that asks for those that are missing. Options are words again.
func Read(words []string) (args, options []string, err error) {
	for _, c := range Table() {
		if len(words) > 0 && c.Name == words[0] {
			args, given, err := syntax.Parse(c.Options, words[1:])
			return args, syntax.Words(c.Options, given), err
		}
	}
	return nil, nil, errors.New("there is no such command")
}

// ReadOnly refuses words whose command may change something: the clock asks
// nothing else.
func ReadOnly(words []string) error {
	c, err := parse(Table(), Request{Words: words})
	if err != nil {
		return err
	}
	return readOnly(c.cmd)
}

func readOnly(c *Command) error {
	if c.Needs != policy.Read && !c.Clock {
		return fmt.Errorf("%s: is not a command that only looks", c.Name)
	}
	return nil
}
