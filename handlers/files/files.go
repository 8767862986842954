// Package files holds the commands that look at files at hand and need no
// cluster: backups, replicas' logs, schedulers' logs. They run the same on an
// operator's machine and, as the uploaded helper, on a scheduler host.
package files

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"aurorabot/handlers/syntax"
)

// The exit statuses that these commands have, of those that all commands share.
const (
	exitDone        = 0
	exitError       = 1
	exitUsage       = 2
	exitFindings    = 6
	exitInterrupted = 130
)

// Std is where a command reads and writes, and its clock.
type Std struct {
	In  io.Reader
	Out io.Writer // Data only.
	Err io.Writer // Errors and hints.
	Now func() time.Time
}

// A Command is one line of the table of commands.
type Command struct {
	Name  string // Its words: "backup inspect".
	Usage string // What follows them: "FILE".
	Help  string // What it does, in a few lines.

	Options []syntax.Option
	least   int // Operands, at least.
	most    int // Operands, at most; 0 is no limit.
	run     func(context.Context, *call) (int, error)
	hidden  bool // Not for people.
}

// Commands are the commands for people, in the order of their help. The option
// --json, which all of them take, is in no one's options.
var Commands = slices.DeleteFunc(table(), func(c Command) bool { return c.hidden })

func table() []Command {
	salvageOptions := []syntax.Option{{Name: "o", Value: "FILE", Help: "the backup to write"}, {Name: "up-to-damage", Help: "stop before what is missing or damaged"}}
	scanOptions := []syntax.Option{
		{Name: "unit", Value: "UNIT", Help: "a unit whose journal is read"}, {Name: "since", Value: "UNIXSECONDS", Help: "leave out older lines"},
		{Name: "rotated", Help: "read what was rotated beside each FILE, too"}, {Name: "severity", Value: "info|warning|critical", Help: "exit status 6 if there is one as bad as that or worse"},
	}
	return []Command{
		{
			Name: "backup inspect", Usage: "FILE", least: 1, most: 1, run: backupInspect,
			Help: "Reads a backup to its end and shows what is in it.\nExit status 1: it does not decode. What looks wrong though it decodes is a warning.",
		},
		{
			Name: "backup verify", Usage: "FILE", least: 1, most: 1, run: backupVerify,
			Help: "The same, and exit status 1 on warnings too: 0 means that a recovery may use it.",
		},
		{
			Name: "backup diff", Usage: "OLD NEW", least: 2, most: 2, run: backupDiff,
			Help: "What a restore of OLD would lose and bring back where NEW is the state of things.",
		},
		{
			Name: "log inspect", Usage: "DIR...", least: 1, run: logInspect,
			Help: "Reads replicas' logs without changing anything. Several are set side by side, as all\nreplicas of one log, with a verdict. Exit status 1: one is neither ok nor empty.",
		},
		{
			Name: "log entries", Usage: "DIR", least: 1, most: 1, run: logEntries,
			Help: "Lists what is at every position of a replica's log.",
		},
		{
			Name: "log scan", Usage: "[--severity info|warning|critical] [--since UNIXSECONDS] [--rotated] FILE... | --unit UNIT", Options: scanOptions, run: logScan,
			Help: "Looks for findings in schedulers' logs: files, also gzip, \"-\" for standard input, or a\nunit's journal. --since leaves out older lines, --rotated reads what was rotated beside each\nFILE too. With --severity, exit status 6 if there is one as bad as that or worse.",
		},
		{
			Name: "log salvage", Usage: "DIR... -o FILE [--up-to-damage]", Options: salvageOptions, least: 1, run: logSalvage,
			Help: "Replays what replicas have learned, together, into a backup. Refuses where a position is\nmissing or damaged; --up-to-damage stops before it and says what that drops.",
		},
		{
			Name: "host facts", Usage: "[--keep] < REQUEST", Options: []syntax.Option{{Name: "keep"}}, run: hostFacts, hidden: true, most: -1,
			Help: "Answers a request in JSON about this machine. For the bot itself.",
		},
		{
			Name: "host keep", run: hostKeep, hidden: true, most: -1,
			Help: "Runs the commands that standard input names, side by side. For the bot itself.",
		},
		{
			Name: "host rename", Usage: "FROM TO", run: hostRename, hidden: true, least: 2, most: 2,
			Help: "Renames an entry of a folder of root's, over nothing and by no link. For the bot itself, as root.",
		},
		{
			Name: "host folder", Usage: "MODE UID:GID PATH", run: hostFolder, hidden: true, least: 3, most: 3,
			Help: "Makes a folder in one of root's, by no link. For the bot itself, as root.",
		},
		{
			Name: "host run-folder", Usage: "PATH UID:GID", run: hostRunFolder, hidden: true, least: 2, most: 2,
			Help: "Makes a folder of a run's, and those above it, which are root's. For the bot itself, as root.",
		},
		{
			Name: "host left", Usage: "LOG RUN-DIR [RUN]", run: hostLeft, hidden: true, least: 2, most: 3,
			Help: "Lists what runs left behind, in JSON. For the bot itself.",
		},
		{
			Name: "host clean", Usage: "RUN-DIR RUN", run: hostClean, hidden: true, least: 2, most: 2,
			Help: "Removes what a run left in folders of root's. For the bot itself, as root.",
		},
		{
			Name: "host clean-aside", Usage: "PATH RUN", run: hostCleanAside, hidden: true, least: 2, most: 2,
			Help: "Removes what a run moved aside from PATH. For the bot itself.",
		},
	}
}

// Run runs the command that words name, options behind its name. known is false,
// and nothing was done, where they name none of this package's.
func Run(ctx context.Context, words []string, std Std) (exit int, known bool) {
	if len(words) == 0 || !slices.Contains([]string{"backup", "log", "host"}, words[0]) {
		return 0, false
	}
	out := bufio.NewWriterSize(std.Out, 64<<10)
	exit, err := dispatch(ctx, words, std, out)
	if flush := out.Flush(); flush != nil && err == nil {
		exit, err = exitError, fmt.Errorf("write to standard output: %w", flush)
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		exit = exitInterrupted
	}
	report(std.Err, err)
	return exit, true
}

func dispatch(ctx context.Context, words []string, std Std, out io.Writer) (int, error) {
	commands := table()
	i := slices.IndexFunc(commands, func(c Command) bool {
		return len(words) > 1 && c.Name == words[0]+" "+words[1]
	})
	if i < 0 {
		return exitUsage, fmt.Errorf("there is no command `%s`", strings.Join(words[:min(2, len(words))], " "))
	}
	c, err := commands[i].parse(words[2:])
	if err != nil {
		return exitUsage, hinted(fmt.Errorf("%s: %w", commands[i].Name, err), "%s", commands[i].usage())
	}
	c.Std, c.out = std, out
	return commands[i].run(ctx, c)
}

func (c *Command) usage() string {
	return "usage: aurorabot " + c.Name + " " + c.Usage
}
