// Package config turns what the operator writes down into domain values:
// checked, with their defaults, nothing left to parse. Everything that is wrong
// with a file is said at once, each with its place, its path and a hint.
package config

import (
	_ "embed" // For Example.
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/aurora"
)

// Example is a configuration with every key, explained line by line.
//
//go:embed example.yaml
var Example []byte

// A Config is one file, checked.
type Config struct {
	StateDir string // Absolute folder of journals, the lock and the socket.
	Slack    Slack
	CLI      CLI

	Clusters []*aurora.Cluster         // By name; at least one.
	SSH      map[string]map[string]SSH // By cluster and scheduler: one for each scheduler.
	Recipes  map[string]string         // By cluster: the recipe where a request names none. Its version has it.

	Retention time.Duration // How long what a closed run left stays at least. Default 720h.

	Policy       policy.Rules
	PolicyDigest string // SHA-256 of Policy: it stands in the audit and in what approvals bind to.

	Reports []Report
	Alerts  Alerts
	Ping    string // Address that is asked for when a report was posted. Empty: none.
	Drill   Drill
	Helpers map[string]string // Architecture as Go names it ("arm64") to an absolute file: this program, built for it. Empty: this very program for its own.
	Audit   Audit
	Listen  string // "host:port" of health and metrics; port 0 is any free one. Empty: none.
}

// Slack says how to reach Slack.
type Slack struct {
	APIURL   string // Ends with "/". Default: Slack's own.
	BotToken string // Empty: not given. `serve` needs both; the rest does without.
	AppToken string
	BotFrom  string // Where BotToken comes from: a file, or "$SLACK_BOT_TOKEN". Empty: it is not given.
	AppFrom  string // The same for AppToken.
	Announce string // ID of the channel for runs that were asked for elsewhere. Empty: none.
	Links    int    // Socket Mode connections. Default 2.
	Off      bool   // This site has no Slack: policy names people by names, and the terminal is the only way in.

	DirectMessages bool // Whom a gate needs is also asked by a direct message. Default false.
}

// CLI says where the command line finds the bot that serves.
type CLI struct {
	Socket string // Absolute. Default: aurorabot.sock in the state folder.
	Group  string // Name or number of the group whose members may use it. Empty: only the bot's account may.
}

// Audit says where every event is kept a second time.
type Audit struct {
	CopyFile string // Absolute; lines are appended. Empty: none.
	Syslog   string // "unix", "udp://host:port", "tcp://host:port". Empty: none.
}

// String leaves the tokens out, so that a Slack in a log line shows none.
func (s Slack) String() string {
	return fmt.Sprintf("slack at %s, tokens %v and %v", s.APIURL, s.BotToken != "", s.AppToken != "")
}

// GoString is String.
func (s Slack) GoString() string { return s.String() }

// A Report is one that is posted by the clock.
type Report struct {
	Name     string
	Cron     string   // Five fields or a descriptor such as @daily; it parses.
	Zone     string   // IANA time zone. Default "UTC".
	Clusters []string // Names, sorted. All that are configured where the file names none.
	Channel  string   // ID. Empty only without Slack: the log has it.

	Jitter time.Duration // Most by which its times are late. Default 0.
}

// Alerts are given between the reports, when the state of a cluster's backups changes.
type Alerts struct {
	Channel string        // ID; "log" without Slack. Empty: no alerts.
	Every   time.Duration // How often backups are looked at. Default 15m.
	Remind  time.Duration // After which it is said again. Default 24h.
}

// Drill says how recoveries are rehearsed.
type Drill struct {
	Lab       string   // Absolute file: the rehearsal lab's program. Empty: no drills.
	Schedules []Report // When, of which clusters, and where it is told. None without Lab.
}

// Cluster returns the cluster of that name, or nil.
func (c *Config) Cluster(name string) *aurora.Cluster {
	for _, k := range c.Clusters {
		if k.Name == name {
			return k
		}
	}
	return nil
}

// maxFile is the size up to which a file is read; no hand writes a larger one.
const maxFile = 256 << 10

// Load reads and checks the file at path. env gives variables of the
// environment, as os.Getenv does. Relative paths in the file are meant from its
// folder.
func Load(path string, env func(string) string) (*Config, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, text, env)
}

func read(path string) ([]byte, error) {
	st, err := os.Stat(path)
	if err == nil && st.IsDir() {
		err = errors.New("it is a directory, not a file")
	} else if err == nil && st.Size() > maxFile {
		err = fmt.Errorf("it has %d bytes, more than %d", st.Size(), maxFile)
	}
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", path, bare(err))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration %s: %w", path, bare(err))
	}
	return text, nil
}

// Socket reads nothing but where the bot listens: whoever may use the socket need not
// be able to read the secrets that the file names, and other faults of the file are not
// theirs. "": the file does not say.
func Socket(path string) (string, error) {
	text, err := read(path)
	if err != nil {
		return "", err
	}
	d := newDocument(path)
	var c Config
	if top := d.parse(text); top != nil {
		m := top.fields("state_dir", "cli")
		if dir := m.get("state_dir"); dir.given() {
			c.StateDir = dir.file()
		}
		c.CLI = readCLI(m.get("cli"), c.StateDir)
	}
	if !filepath.IsAbs(c.CLI.Socket) {
		return "", nil
	}
	return c.CLI.Socket, nil
}

// Parse checks text as a file called name. The error joins an [*Error] for
// everything that is wrong, in the order of the file.
func Parse(name string, text []byte, env func(string) string) (*Config, error) {
	d := newDocument(name)
	top := d.parse(text)
	var c *Config
	if top != nil {
		c = d.config(top, env)
	}
	if err := d.err(); err != nil {
		return nil, err
	}
	c.PolicyDigest = runner.Digest(c.Policy)
	return c, nil
}

// bare is an error of the file system without the path, which the caller says.
func bare(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
