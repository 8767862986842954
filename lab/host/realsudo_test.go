package host_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aurorabot/runner/aurora"
	"aurorabot/runner/node"
	"aurorabot/runner/sudoers"
)

// The real sudo reads the bot's sudoers file as it is meant: what the recipe
// needs runs, and nothing that somebody with the bot's SSH key would try does.
func TestRealSudoers(t *testing.T) {
	needReal(t)
	_, h := startReal(t)
	k := &aurora.Cluster{
		Name: "dev", AdminName: "dev", Version: aurora.Version{Minor: 22}, Supervisor: "systemd", Unit: "aurora-scheduler", Firewall: "nft",
		Admin: "aurora_admin", AdminPath: "aurora_admin", MesosLogPath: "mesos-log", User: "aurora", Group: "aurora", FirewallLease: 12 * time.Hour,
		Schedulers: []aurora.Scheduler{{Name: "s1", HTTP: "127.0.0.1:8081", ConfigFile: "/etc/default/aurora-scheduler", RunDir: "/var/lib/aurorabot", RuntimeDir: "/run/systemd/system"}},
	}
	profile, err := aurora.ProfileOf(k.Version)
	if err != nil {
		t.Fatal(err)
	}
	r := &node.Nodes{Cluster: k, Profile: profile}
	// Of printf: a helper that does no harm if sudo lets it run.
	const helper = "/var/lib/aurorabot/bin/aurorabot-0000000000000000"
	sum := "0000000000000000" + strings.Repeat("1", 48)
	text, err := sudoers.File("dr", sudoers.Privileges(r, &k.Schedulers[0], sudoers.Grounds{
		Log: "/var/lib/aurora/scheduler/db", Backups: "/var/lib/aurora/scheduler/backups", Helpers: []string{sum}, Path: sudoers.UsualPath,
	}))
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Sudoers(text); err != nil {
		t.Fatal(err)
	}
	for path, content := range map[string]string{helper: "#!/bin/sh\nid\n", "/etc/default/aurora-scheduler": "CLUSTER=dev\n"} {
		if err := os.MkdirAll(filepath.Dir(h.Path(path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(h.Path(path), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	as := func(words ...string) (string, error) {
		out, err := h.Exec(append([]string{"runuser", "-u", "dr", "--"}, words...)...)
		return string(out), err
	}
	const folder = "/var/lib/aurorabot"
	for _, words := range [][]string{
		{"-u", "root", "--", "true"}, {"-u", "aurora", "--", "true"},
		{"-u", "root", "--", "cat", "--", "/etc/default/aurora-scheduler"},
		{"-u", "root", "--", "install", "-d", "-m", "0755", folder},
		{"-u", "root", "--", "install", "-d", "-m", "0750", "-o", "aurora", "-g", "aurora", folder + "/runs"},
		{"-u", "root", "--", "install", "-d", "-m", "0700", folder + "/originals/dev-1"},
		{"-u", "root", "--", "install", "-m", "0600", "-T", "--", "/dev/null", folder + "/originals/dev-1/.original-configuration.aurorabot-abcdefghij"},
		{"-u", "root", "--", "sh", "-c", `command -v "$1"`, "sh", "nft"},
	} {
		if out, err := as(append([]string{"sudo", "-n"}, words...)...); err != nil {
			t.Errorf("sudo %q: %v: %s", words, err, out)
		}
	}
	for _, words := range [][]string{
		{"cat", "/etc/shadow"}, {"cat", "--", "/etc/shadow"}, {"bash"}, {"bash", "-c", "id"}, {"sh"}, {"sh", "-c", "id"}, {"sh", "-c", `command -v "$1"; id`, "sh", "nft"},
		{"chmod", "0777", "/etc/shadow"}, {"chmod", "4755", "/etc/default/aurora-scheduler.dr-x"}, {"chown", "0:0", "/tmp"}, {"true", "x"}, {"/bin/su"},
		{"systemctl", "stop", "ssh"}, {"systemctl", "daemon-reload", "x"}, {"systemctl", "edit", "aurora-scheduler"}, {"nft", "-f", "-"}, {"nft", "list", "ruleset"},
		{"cat", "--", "/etc/default/../shadow"}, {"rm", "-rf", "--", "/"}, {"rm", "-rf", "--", folder + "/look-1/.."}, {"find", "/", "-maxdepth", "1"},
		{"install", "-m", "0600", "-T", "--", "/etc/shadow", folder + "/originals/dev-1/.original-configuration.aurorabot-abcdefghij"},
		{"dd", "if=/etc/shadow"}, {"mv", "-T", "--", "/etc/shadow", "/tmp/x"}, {"cp", "/etc/shadow", "/tmp/x"}, {"env", "id"}, {"timeout", "5", "id"}, {"kill", "-9", "1"},
		{"tee", "/etc/passwd"}, {"visudo"}, {"-e", "/etc/passwd"}, {"-i"}, {"-s"},
		{helper, "host", "facts"}, {helper, "log", "scan", "--json", "--unit", "aurora-scheduler", "--since", "1"}, // Another content than its hash says.
	} {
		for _, user := range []string{"root", "aurora", "daemon"} {
			if out, err := as(append([]string{"sudo", "-n", "-u", user}, words...)...); err == nil {
				t.Errorf("sudo -u %s %q is allowed: %s", user, words, out)
			}
		}
	}
	list, err := as("sudo", "-n", "-l")
	if err != nil || strings.Contains(list, "(ALL") || strings.Contains(list, "NOPASSWD: ALL") || !strings.Contains(list, "/usr/bin/systemctl") {
		t.Errorf("sudo -l: %v:\n%s", err, list)
	}
}
