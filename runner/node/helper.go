package node

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"aurorabot/runner"
)

// A Tool is the helper on one host.
type Tool struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
	Arch   string `json:"arch"`
	Brief  bool   `json:"brief,omitempty"` // Asked for so little that to keep a session does not pay.
}

var goArch = map[string]string{"x86_64": "amd64", "aarch64": "arm64"}

// For returns the program for a machine, as uname -m names it.
func (h Helper) For(machine string) (Tool, error) {
	arch := goArch[strings.TrimSpace(machine)]
	if arch == "" {
		return Tool{}, fmt.Errorf("no program of ours runs on a %.40q", strings.TrimSpace(machine))
	}
	_, sum, err := h(arch)
	return Tool{SHA256: sum, Arch: arch}, err
}

// Program is the helper for the host, and where it lies or is to lie. The host is
// asked for its architecture where no helper is known there.
func (n *Node) Program(ctx context.Context) (Tool, error) {
	if n.Tool.Arch != "" {
		_, sum, err := n.Helper(n.Tool.Arch)
		return Tool{Path: HelperPath(n.Scheduler.RunDir, sum), SHA256: sum, Arch: n.Tool.Arch}, err
	}
	out, err := n.Run(ctx, "", "uname", "-m")
	if err != nil {
		return Tool{}, err
	}
	f, err := n.Helper.For(string(out.Stdout))
	if err == nil {
		f.Path = HelperPath(n.Scheduler.RunDir, f.SHA256)
	}
	return f, err
}

// Identity is what stat(1) tells of a file that changes with each write to it,
// and with each other file in its place: device, inode, size, and the times of
// the last change of content and inode, which nobody can set back but root.
var Identity = []string{"stat", "-c", "%d %i %s %y %z", "--"}

// Has says whether the program is on the host with its hash. A file whose
// hash was right is not read again as long as it is the same one, untouched: it
// is asked for before every dangerous step, and has 15 MB.
func (n *Node) Has(ctx context.Context, f Tool) (bool, error) {
	key, by := [2]string{n.Name, f.Path}, runner.Keeper{}
	was, proved := n.proved.Load(key)
	if proved {
		by = n.through() // What is not proved yet is not begun for that.
	}
	out, err := n.Host.Run(ctx, runner.Command{Argv: append(slices.Clone(Identity), f.Path), Through: by})
	if err != nil {
		return false, fmt.Errorf("look for %s: %w", f.Path, err)
	}
	if out.Exit != 0 {
		return false, nil
	}
	// Asked for before the hash: what changes in between has another one.
	found := string(out.Stdout)
	if proved && was == found {
		return true, nil
	}
	if out, err = n.Host.Run(ctx, runner.Command{Argv: []string{"sha256sum", f.Path}}); err != nil {
		return false, fmt.Errorf("hash of %s: %w", f.Path, err)
	}
	if out.Exit != 0 || !strings.HasPrefix(string(out.Stdout), f.SHA256+" ") {
		return false, nil
	}
	n.proved.Store(key, found)
	return true, nil
}

// Upload puts the program where f says, as root's. Where others than root could
// put something else there it does nothing: the error is an [OpenError].
func (n *Node) Upload(ctx context.Context, f Tool) error {
	at, err := FootingOn(ctx, n)
	if err == nil {
		err = at.Open()
	}
	if err != nil {
		return err
	}
	if _, err := n.Run(ctx, "root", "install", "-d", "-m", "0755", n.Scheduler.RunDir, path.Dir(f.Path)); err != nil {
		return printAnew(n, err)
	}
	return printAnew(n, n.Helper.Put(ctx, n.Host, f, "root", 0o755))
}

// Put writes the program to a host.
func (h Helper) Put(ctx context.Context, host runner.Host, f Tool, user string, mode uint32) error {
	open, _, err := h(f.Arch)
	if err != nil {
		return err
	}
	return host.Put(ctx, runner.File{Path: f.Path, Source: open, Mode: mode, User: user, SHA256: f.SHA256, Program: true})
}

// Remove takes away the one file that was uploaded, and ends the session that
// it keeps. It is ours and holds nothing, so this is no deletion of anything
// that could be missed.
func (n *Node) Remove(ctx context.Context, f Tool) error {
	if k, ok := n.Host.(interface{ LetGo(program string) }); ok {
		k.LetGo(f.Path)
	}
	return asRoot(ctx, n, []string{"rm", "-f", f.Path})
}

// CheckReader is the name of the reader that a check leaves on the hosts: at one
// place, so that a newer one takes the place of an older one and nothing gathers.
const CheckReader = "aurorabot-check"
