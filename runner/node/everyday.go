package node

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"aurorabot/runner"
)

// Everyday are the programs of every Linux host that the bot's own scripts and commands
// call: most are GNU coreutils, the rest util-linux, findutils, grep and sed. SFTP is
// not among them: without it files go through dd and cat.
var Everyday = []string{
	"cat", "chgrp", "chmod", "chown", "cp", "dd", "find", "grep", "head", "id", "install", "mkdir", "mktemp", "mv", "nice", "rm", "rmdir",
	"sed", "setsid", "sha256sum", "sleep", "stat", "sync", "timeout", "uname", "wc",
}

// EverydayCommand prints those of its further arguments that are no program here. Its last
// line proves that the question was read to its end.
var EverydayCommand = []string{"sh", "-c", `for t; do command -v "$t" >/dev/null 2>&1 || echo "$t"; done; echo asked`, "sh"}

// everyday asks the host whether Everyday is there, before anything rests on it.
func everyday(ctx context.Context, n *Node) error {
	out, err := n.Host.Run(ctx, runner.Command{Argv: slices.Concat(EverydayCommand, Everyday)})
	if err := Well("look for the host's programs", out, err); err != nil {
		return err
	}
	lines := strings.Fields(string(out.Stdout))
	if len(lines) == 0 || lines[len(lines)-1] != "asked" {
		return fmt.Errorf("look for the host's programs: the answer %.200q cannot be read", out.Stdout)
	}
	if lines = lines[:len(lines)-1]; len(lines) > 0 {
		return fmt.Errorf("not on the host, or not in the PATH of its login account: %s. They belong to coreutils, util-linux, findutils, grep and sed: install what is missing, for example `apt-get install coreutils util-linux findutils`", strings.Join(lines, ", "))
	}
	return nil
}

var sudoVersion = regexp.MustCompile(`(?m)^Sudo version (\d+)\.(\d+)\.(\d+)`)

// oldSudo adds to a refusal of sudo's that it is too old for the file that the bot
// prints: before 1.9.10 it takes a regular expression for a word, so that no rule fits.
func oldSudo(ctx context.Context, n *Node, err error) error {
	if !Refused(err) {
		return err
	}
	out, asked := n.Host.Run(ctx, runner.Command{Argv: []string{"sudo", "-V"}})
	v := sudoVersion.FindSubmatch(out.Stdout)
	if asked != nil || out.Exit != 0 || v == nil {
		return err
	}
	var parts [3]int
	for i := range parts {
		if parts[i], asked = strconv.Atoi(string(v[i+1])); asked != nil {
			return err
		}
	}
	if parts[0] > 1 || parts[0] == 1 && (parts[1] > 9 || parts[1] == 9 && parts[2] >= 10) {
		return err
	}
	return fmt.Errorf("%w. sudo there is %d.%d.%d, which knows no regular expressions (1.9.10 or later does): the file of `aurorabot sudoers` gives nothing there. Update sudo, or allow the account everything: `LOGIN ALL=(ALL) NOPASSWD: ALL`", err, parts[0], parts[1], parts[2])
}
