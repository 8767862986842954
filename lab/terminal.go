package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"aurorabot/lab/script"
)

// operators is the group that may use the bot's socket, where the lab is root's. Nobody
// has a name for it, nor for the accounts.
const operators = 4000

// uidOf is the uid of a person's own account of this machine.
func uidOf(user string) int {
	return operators + 1 + slices.Index([]string{script.Ann, script.Bob, script.Cat, script.Dan}, user)
}

// isRoot reports whether people can be given accounts: only root can play several.
func isRoot() bool { return os.Getuid() == 0 }

// accounts are the lines of policy that say who has which account. Where there is only
// one, it is Bob's.
func (l *lab) accounts() []string {
	if !isRoot() {
		return []string{fmt.Sprintf("%q: %s", strconv.Itoa(os.Getuid()), l.nameOf(script.Bob))}
	}
	var lines []string
	for _, user := range []string{script.Ann, script.Bob, script.Dan} {
		lines = append(lines, fmt.Sprintf("%q: %s", strconv.Itoa(uidOf(user)), l.nameOf(user)))
	}
	return lines
}

// nameOf is how policy names a person.
func (l *lab) nameOf(user string) string {
	if l.set.slackless {
		return script.Name(user)
	}
	return script.Team + "/" + user
}

// canLogin says why no login can be played on this machine, nil if one can: who logged
// in may be set once, and later by those alone who may control the audit.
func canLogin(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "/bin/sh", "-c", fmt.Sprintf("echo %d >/proc/self/loginuid", uidOf(script.Ann))).CombinedOutput()
	if err != nil {
		return fmt.Errorf("no login can be played here: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// open lets everybody of this machine find the bot's program, its socket and its
// configuration. It returns where the program is.
func (l *lab) open(program string) (string, error) {
	if err := os.Chmod(l.dir, 0o711); err != nil {
		return "", err
	}
	text, err := os.ReadFile(program)
	if err != nil {
		return "", err
	}
	at := filepath.Join(l.dir, "aurorabot.program")
	return at, os.WriteFile(at, text, 0o755)
}

// Type is part of [script.Terminal].
func (l *lab) Type(ctx context.Context, login, as string, words ...string) (said string, exit int, err error) {
	const enter = `echo "$0" >/proc/self/loginuid && exec "$@"`
	args := append([]string{"-c", enter, strconv.Itoa(uidOf(login)), l.bot.program}, words...)
	cmd := exec.CommandContext(ctx, "/bin/sh", append(args, "--config", l.config)...)
	cmd.Env, cmd.Dir = []string{"PATH=" + os.Getenv("PATH")}, "/"
	if isRoot() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uidOf(as)), Gid: operators}}
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() >= 0 && !strings.Contains(out.String(), "loginuid") {
		return out.String(), ended.ExitCode(), nil
	}
	if err != nil {
		return out.String(), 0, fmt.Errorf("a login of %d cannot be played here: %w: %s", uidOf(login), err, strings.TrimSpace(out.String()))
	}
	return out.String(), 0, nil
}
