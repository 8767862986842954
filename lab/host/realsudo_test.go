package host_test

import (
	"strings"
	"testing"

	"aurorabot/runner/aurora"
	"aurorabot/runner/node"
)

// The real sudo reads the bot's sudoers file as it is meant: what the recipe
// needs runs, and nothing that somebody with the bot's SSH key would try does.
func TestRealSudoers(t *testing.T) {
	h, helper, try := thieves(t, []byte("#!/bin/sh\necho ran as $(id -un):$(id -gn)\n"))
	const folder, db, run = runDir, dbPath, runDir + "/runs/dev-1"
	for _, words := range [][]string{
		append([]string{"-u", "root", "--"}, node.RootCommand...), {"-u", "aurora", "--", "true"},
		{"-u", "root", "--", "cat", "--", "/etc/default/aurora-scheduler"},
		{"-u", "root", "--", "install", "-d", "-m", "0755", folder},
		{"-u", "root", "--", "install", "-d", "-m", "0750", "-o", "aurora", "-g", "aurora", folder + "/look-1"},
		{"-u", "root", "--", helper, "host", "run-folder", run + "/evidence", "2002:2002"},
		{"-u", "root", "--", helper, "host", "rename", db, db + ".dr-dev-1"}, {"-u", "root", "--", helper, "host", "rename", db + ".dr-dev-1", db},
		{"-u", "root", "--", helper, "host", "folder", "0750", "2002:2002", db + ".part"},
		{"-u", "root", "--", helper, "host", "left", db, folder}, {"-u", "root", "--", helper, "host", "left", db, folder, "dev-1"}, {"-u", "root", "--", helper, "host", "clean", folder, "dev-1"},
		{"-u", "root", "--", helper, "host", "clean-aside", db, "dev-1"}, {"-u", "aurora", "--", helper, "host", "clean-aside", db, "dev-1"}, {"-u", "aurora", "--", helper, "host", "clean-aside", db + "/db", "dev-1"},
		{"-u", "aurora", "--", helper, "host", "facts"}, {"-u", "aurora", "--", helper, "log", "inspect", "--json", db},
		{"-u", "root", "--", "install", "-d", "-m", "0700", folder + "/originals/dev-1"},
		{"-u", "root", "--", "install", "-m", "0600", "-T", "--", "/dev/null", folder + "/originals/dev-1/.original-configuration.aurorabot-abcdefghij"},
		{"-u", "root", "--", "sh", "-c", `command -v "$1"`, "sh", "nft"},
	} {
		if out, err := try(append([]string{"sudo", "-n"}, words...)...); err != nil {
			t.Errorf("sudo %q: %v: %s", words, err, out)
		}
	}
	scan := []string{helper, "log", "scan", "--json", "--unit", "aurora-scheduler", "--since", "1"}
	if out, err := try(append([]string{"sudo", "-n", "-u", "aurora", "-g", aurora.JournalGroup, "--"}, scan...)...); err != nil || !strings.Contains(out, "ran as aurora:"+aurora.JournalGroup) {
		t.Errorf("a member of the journal's group: %v: %s", err, out)
	}
	// As root the program does a few things, each at places of its own; what it reads
	// from standard input, a path or a command, it never does as root.
	for _, words := range [][]string{
		{"host", "keep"}, {"host", "facts"}, {"host", "facts", "--keep"}, scan[1:], {"log", "scan", "--json", "/etc/shadow"}, {"log", "scan", "--json", "-"},
		{"log", "inspect", "--json", db}, {"log", "entries", db}, {"log", "salvage", "--json", "--up-to-damage", db, "-o", run + "/evidence/salvage"},
		{"backup", "inspect", "--json", backups + "/scheduler-backup-2026-01-01-00-00"}, {"backup", "verify", "/etc/shadow"}, {"serve"}, {"version"}, {},
		{"host", "rename", "/etc/shadow", "/etc/shadow.dr-x"}, {"host", "rename", db, "/etc/x"}, {"host", "rename", db, db + ".dr-../x"}, {"host", "rename", db, home + "/x"},
		{"host", "rename", db, db + ".dr-x", "y"}, {"host", "rename", db, db + ".dr-x y"}, {"host", "rename", "--", db, db + ".dr-x"},
		{"host", "folder", "0750", "2002:2002", "/etc"}, {"host", "folder", "4750", "2002:2002", db}, {"host", "folder", "0750", "2002", db}, {"host", "folder", "0750", "2002:2002", db + "/../x"},
		{"host", "run-folder", "/etc/evidence", "2002:2002"}, {"host", "run-folder", run + "/evidence/x", "2002:2002"}, {"host", "run-folder", folder + "/runs/../bin/evidence", "2002:2002"},
		{"host", "run-folder", folder + "/bin", "2002:2002"}, {"host", "run-folder", run + "/evidence", "2002:2002", "x"}, {"host", "run-folder", run + "/evidence", "aurora"},
		{"host", "clean", "/etc", "dev-1"}, {"host", "clean", folder, "../bin"}, {"host", "clean", folder, "dev-1", "x"}, {"host", "clean", folder + "/", "dev-1"}, {"host", "clean-aside", "/etc/shadow", "x"},
		{"host", "clean-aside", db, ".."}, {"host", "clean-aside", db + "/db", "dev-1"}, {"host", "left", "/", "/etc"}, {"host", "left", db, "/etc", "ssh"},
	} {
		if out, err := try(append([]string{"sudo", "-n", "-u", "root", "--", helper}, words...)...); err == nil || strings.Contains(out, "ran as") {
			t.Errorf("as root: %q: %s", words, out)
		}
	}
	put(t, h, helper, []byte("#!/bin/sh\nid\n"), 0o755) // Another content than its hash says.
	for _, words := range [][]string{
		{"cat", "/etc/shadow"}, {"cat", "--", "/etc/shadow"}, {"bash"}, {"bash", "-c", "id"}, {"sh"}, {"sh", "-c", "id"}, {"sh", "-c", `command -v "$1"; id`, "sh", "nft"},
		{"chmod", "0777", "/etc/shadow"}, {"chmod", "4755", "/etc/default/aurora-scheduler.dr-x"}, {"chown", "0:0", "/tmp"}, {"true", "x"}, {"/bin/su"},
		{"systemctl", "stop", "ssh"}, {"systemctl", "daemon-reload", "x"}, {"systemctl", "edit", "aurora-scheduler"}, {"nft", "-f", "-"}, {"nft", "list", "ruleset"},
		{"cat", "--", "/etc/default/../shadow"}, {"rm", "-rf", "--", "/"}, {"rm", "-rf", "--", folder + "/look-1/.."}, {"find", "/", "-maxdepth", "1"},
		{"install", "-m", "0600", "-T", "--", "/etc/shadow", folder + "/originals/dev-1/.original-configuration.aurorabot-abcdefghij"},
		{"dd", "if=/etc/shadow"}, {"mv", "-T", "--", "/etc/shadow", "/tmp/x"}, {"cp", "/etc/shadow", "/tmp/x"}, {"env", "id"}, {"timeout", "5", "id"}, {"kill", "-9", "1"},
		{"tee", "/etc/passwd"}, {"visudo"}, {"-e", "/etc/passwd"}, {"-i"}, {"-s"},
		{helper, "host", "facts"}, scan, {helper, "host", "rename", db, db + ".dr-dev-1"}, {helper, "host", "run-folder", run + "/evidence", "2002:2002"},
		{"install", "-d", "-m", "0750", "-o", "aurora", "-g", "aurora", folder + "/runs"}, {"install", "-d", "-m", "0750", "-o", "aurora", "-g", "aurora", run},
		{"rmdir", "--", folder + "/bin"}, {"rmdir", "--", folder + "/look-1/x"}, {"rm", "-rf", "--", folder + "/look-1"}, {"stat", "-L", "-c", "%n", "/etc/shadow"},
	} {
		for _, user := range []string{"root", "aurora", "daemon"} {
			if out, err := try(append([]string{"sudo", "-n", "-u", user}, words...)...); err == nil {
				t.Errorf("sudo -u %s %q is allowed: %s", user, words, out)
			}
		}
	}
	list, err := try("sudo", "-n", "-l")
	if err != nil || strings.Contains(list, "(ALL") || strings.Contains(list, "NOPASSWD: ALL") || !strings.Contains(list, "/usr/bin/systemctl") {
		t.Errorf("sudo -l: %v:\n%s", err, list)
	}
}
