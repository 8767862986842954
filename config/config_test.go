package config

import (
	"bytes"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/aurora"
)

const (
	botToken = "xoxb-1-canary"
	appToken = "xapp-1-canary"
)

// withTokens is an environment that has Slack's tokens.
func withTokens(name string) string {
	return map[string]string{"SLACK_BOT_TOKEN": botToken, "SLACK_APP_TOKEN": appToken}[name]
}

func empty(string) string { return "" }

// The example is a configuration, and shows every key that there is.
func TestExampleConfigLoads(t *testing.T) {
	if _, err := Load("example.yaml", withTokens); err != nil {
		t.Fatal(err)
	}
	d := newDocument("example.yaml")
	d.config(d.parse(Example), withTokens)
	if len(d.known) < 86 {
		t.Errorf("only %d keys are known", len(d.known))
	}
	for _, key := range slices.Sorted(maps.Keys(d.known)) {
		if !d.used[key] {
			t.Errorf("the example does not show %s", key)
		}
	}
}

// A byte order mark, which some editors write, is no part of the first key.
func TestByteOrderMark(t *testing.T) {
	example := Example
	for bytes.HasPrefix(example, []byte("#")) || bytes.HasPrefix(example, []byte("\n")) {
		_, example, _ = bytes.Cut(example, []byte("\n"))
	}
	for _, text := range [][]byte{Example, example} {
		if _, err := Parse("example.yaml", append([]byte("\ufeff"), text...), withTokens); err != nil {
			t.Error(err)
		}
	}
}

// The example says what the defaults are. So the example's values must be them.
func TestDefaults(t *testing.T) {
	c, err := Parse("/etc/aurorabot/config.yaml", []byte(least), empty)
	if err != nil {
		t.Fatal(err)
	}
	two := policy.GateRule{Factors: []policy.Factor{{Count: 2, Of: []string{"sre"}}}, Expires: 30 * time.Minute}
	rules := policy.Rules{
		Teams: []string{"T1"}, Lists: map[string][]string{"sre": {"UANN", "UBOB"}}, Groups: map[string]string{},
		Access:  []policy.Rule{{Name: "all", Who: []string{"sre"}, Channels: []string{"*"}, Clusters: []string{"*"}, May: []string{"admin"}}},
		Gates:   map[string]policy.GateRule{"start": two, "assess": two, "commit": two},
		OSUsers: map[string]string{},
	}
	login := SSH{
		Address: "192.0.2.1:22", User: "aurorabot", KeyFiles: []string{"/etc/aurorabot/key"}, KnownHosts: []string{"/etc/ssh/known"},
		Sudo: []string{"sudo", "-n"}, RunDir: "/home/aurorabot/.aurorabot", ConnectTimeout: 10 * time.Second, Keepalive: 15 * time.Second,
	}
	want := &Config{
		StateDir:  "/etc/aurorabot/state",
		Slack:     Slack{APIURL: "https://slack.com/api/", Links: 2},
		CLI:       CLI{Socket: "/etc/aurorabot/state/aurorabot.sock"},
		Retention: 720 * time.Hour,
		Clusters: []*aurora.Cluster{{
			Name: "dev", AdminName: "dev", Version: aurora.Version{Minor: 22},
			Schedulers: []aurora.Scheduler{{
				Name: "s1", Hostname: "s1", HTTP: "127.0.0.1:8081", ConfigFile: "/etc/default/aurora-scheduler",
				RunDir: "/var/lib/aurorabot", RuntimeDir: "/run/systemd/system",
			}},
			Supervisor: "systemd", Unit: "aurora-scheduler", Configuration: "detected", Firewall: "nft",
			Admin: "aurora_admin", AdminPath: "aurora_admin", MesosLogPath: "mesos-log", User: "aurora", Group: "aurora",
			FakeMaster: "zk://127.0.0.1:2/nonexistent/mesos", RegistrationWait: "360mins", ZooKeeper: "bot", SessionLimit: 15 * time.Second,
			ProofWait: 3 * time.Minute, MaxBackupAge: 26 * time.Hour, MaxClockSkew: 30 * time.Second, FirewallLease: 12 * time.Hour, MesosTasks: true,
		}},
		SSH:     map[string]map[string]SSH{"dev": {"s1": login}},
		Recipes: map[string]string{"dev": "staged"},
		Policy:  rules, PolicyDigest: runner.Digest(rules),
		Helpers: map[string]string{},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("Parse (-want +got):\n%s", diff)
	}
	if c.Cluster("dev") != c.Clusters[0] || c.Cluster("other") != nil {
		t.Error("Cluster does not find by name")
	}
}

// A whole configuration, as the example's: what the defaults would hide.
func TestValues(t *testing.T) {
	c, err := Parse("/etc/aurorabot/config.yaml", Example, withTokens)
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Slack; got.BotToken != botToken || got.AppToken != appToken || got.Announce != "C0000OPS01" {
		t.Errorf("Slack = %+v", got)
	}
	old := c.Cluster("old")
	if got := old.Commands.IsRunning; old.Supervisor != "commands" || old.Unit != "" || !slices.Equal(got, []string{"/usr/local/bin/scheduler-runs"}) {
		t.Errorf("supervisor %s, unit %q, commands %+v", old.Supervisor, old.Unit, old.Commands)
	}
	want := SSH{
		Address: "198.51.100.1:2222", User: "root", KeyFiles: []string{"/etc/aurorabot/secrets/id_old"}, KnownHosts: []string{"/etc/aurorabot/known_hosts"},
		Sudo: []string{"sudo", "-n"}, RunDir: "/home/aurorabot/.aurorabot", ConnectTimeout: 10 * time.Second, Keepalive: 15 * time.Second,
	}
	if diff := cmp.Diff(want, c.SSH["old"]["o1"]); diff != "" {
		t.Errorf("a cluster's own ssh over the common one (-want +got):\n%s", diff)
	}
	if got := c.SSH["devcluster"]["s2"].Address; got != "192.0.2.2:22" {
		t.Errorf("address %q, want port 22 added", got)
	}
	if c.Policy.Gates["commit"].Needed() != 2 || len(c.Policy.Access) != 4 || !c.Policy.Access[3].Deny || c.Policy.OSUsers["ann"] != "T00000000/U0000ANN" {
		t.Errorf("policy %+v", c.Policy)
	}
	if diff := cmp.Diff([]Report{{Name: "backups every morning", Cron: "0 8 * * 1-5", Zone: "Europe/Berlin", Clusters: []string{"devcluster"}, Channel: "C0000OPS01", Jitter: 2 * time.Minute}}, c.Reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
	if c.Helpers["arm64"] != "/opt/aurorabot/aurorabot-arm64" || c.Listen != "127.0.0.1:9095" {
		t.Errorf("helpers %v, listen %q", c.Helpers, c.Listen)
	}
}

// Other policy, other digest: approvals bind to it.
func TestPolicyDigest(t *testing.T) {
	digest := func(text string) string {
		c, err := Parse("c.yaml", []byte(text), empty)
		if err != nil {
			t.Fatal(err)
		}
		return c.PolicyDigest
	}
	if digest(least) != digest("# A comment.\n"+least) {
		t.Error("a comment changes the digest")
	}
	if digest(least) == digest(strings.Replace(least, "UBOB]", "UBOB, UCAT]", 1)) {
		t.Error("another person in a list does not change the digest")
	}
}

// The environment goes before files; files that others may read are refused;
// no token is ever shown.
func TestTokens(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	write("bot", botToken+"\n", 0o600)
	write("readonly", botToken, 0o400)
	write("app", appToken, 0o600)
	write("group", botToken, 0o640)
	write("others", botToken, 0o604)
	write("blank", "", 0o600)
	write("two", botToken+"\n"+botToken, 0o600)
	write("long", strings.Repeat("x", 5000), 0o600)
	for _, tt := range []struct {
		name, slack string
		env         func(string) string
		bot, err    string
	}{
		{"file", "{bot_token_file: bot, app_token_file: app}", empty, botToken, ""},
		{"read-only file", "{bot_token_file: readonly}", empty, botToken, ""},
		{"none", "{links: 1}", empty, "", ""},
		{"environment goes before", "{bot_token_file: missing, app_token_file: missing}", withTokens, botToken, ""},
		{"missing", "{bot_token_file: missing}", empty, "", "no such file or directory"},
		{"directory", "{bot_token_file: .}", empty, "", "is no file with one token"},
		{"too long", "{bot_token_file: long}", empty, "", "is no file with one token"},
		{"group", "{bot_token_file: group}", empty, "", "can be read by others than its owner (mode 0640)"},
		{"others", "{bot_token_file: others}", empty, "", "(mode 0604)"},
		{"blank", "{bot_token_file: blank}", empty, "", "does not begin with xoxb-"},
		{"two lines", "{bot_token_file: two}", empty, "", "is no token"},
		{"swapped", "{bot_token_file: app}", empty, "", "does not begin with xoxb-"},
		{"swapped in the environment", "{links: 1}", func(n string) string { return map[string]string{"SLACK_APP_TOKEN": botToken}[n] }, "", "$SLACK_APP_TOKEN"},
		{"the token itself as a file", "{bot_token_file: " + botToken + "}", empty, "", "looks like a secret"},
		{"the token itself as a key", "{bot_token: " + botToken + "}", empty, "", "unknown key"},
		{"the token as an unknown key", "{" + botToken + ": 1}", empty, "", "unknown key"},
		{"the token elsewhere", "{announce: " + botToken + "}", empty, "", "looks like a secret"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse(filepath.Join(dir, "c.yaml"), []byte(least+"\nslack: "+tt.slack+"\n"), tt.env)
			if tt.err == "" {
				if err != nil || c.Slack.BotToken != tt.bot {
					t.Fatalf("Parse = %v", err)
				}
				if strings.Contains(c.Slack.String()+c.Slack.GoString(), "canary") {
					t.Error("a Slack that is printed shows its token")
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("Parse = %v, want %q", err, tt.err)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("the error shows a token: %v", err)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no such file or directory", dir: "it is a directory", large: "more than",
	} {
		if _, err := Load(path, empty); err == nil || !strings.Contains(err.Error(), "read configuration "+path) || !strings.Contains(err.Error(), want) {
			t.Errorf("Load(%s) = %v, want %q", path, err, want)
		}
	}
}

// Everything that is wrong is said at once, each with its place, in the order
// of the file, and what clusters share is said once.
func TestAllErrorsAtOnce(t *testing.T) {
	_, err := Parse("dir/c.yaml", []byte(`state_dir: ~/state
ssh: {user: "no such", key_files: [k], known_hosts: [h]}
clusters:
  dev:
    versoin: 0.22.0
    schedulers:
      - {name: s1, address: 192.0.2.1}
      - {name: s2, address: 192.0.2.1}
  test:
    version: 0.22
    schedulers: [{name: s1, address: 192.0.2.9}]
policy: 12
`), empty)
	want := `dir/c.yaml:1:12: state_dir: ~ is not expanded
  hint: write the whole path
dir/c.yaml:2:13: ssh.user: "no such" is no account
  hint: write an account of the hosts, such as aurora
dir/c.yaml:4:3: clusters.dev.version: is missing
  hint: write the release of Aurora that runs there, such as version: 0.22.0
dir/c.yaml:5:14: clusters.dev.versoin: unknown key "versoin"
  hint: did you mean version?
dir/c.yaml:7:7: clusters.dev.schedulers: 2 schedulers: the log's quorum needs an odd number
  hint: name every scheduler of the cluster: 1, 3 or 5 of them, as -native_log_quorum_size is half of them, rounded down, plus 1
dir/c.yaml:8:29: clusters.dev.schedulers[1].address: 192.0.2.1:22 is the address of dev/s1 already
  hint: one host is one scheduler of one cluster
dir/c.yaml:12:9: policy: is a number, not a mapping
  hint: write keys below it: teams, lists, groups, access, gates, requester_may_approve, os_users, identity_cache`
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	var one *Error
	if !errors.As(err, &one) || one.Line != 1 || one.Column != 12 || one.Path != "state_dir" {
		t.Errorf("first error %+v", one)
	}
}
