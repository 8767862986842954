package ssh_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aurorabot/lab/host"
	"aurorabot/runner"
	"aurorabot/runner/bound"
	"aurorabot/runner/bound/boundtest"
)

// A file that goes on behind the length that the host said is not taken, through
// SFTP and through sudo.
func TestGetTakesNoMoreThanTheHostSaid(t *testing.T) {
	const most = 100
	for as, mode := range map[string]os.FileMode{"login": 0o600, "root": 0} {
		lab, cfg := startHost(t)
		name := lab.Path("/etc/default/file")
		if err := os.WriteFile(name, make([]byte, most), mode); err != nil {
			t.Fatal(err)
		}
		lab.Flood(host.FloodFiles)
		sudo := filepath.Join(t.TempDir(), "sudo") // An endless file, for whoever is not the login account.
		if err := os.WriteFile(sudo, []byte("#!/bin/sh\ncase \"$*\" in *' stat '*) echo 100 ;; *) yes ;; esac\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		cfg.Sudo = []string{sudo, "-n"}
		h := open(t, cfg)
		grown := boundtest.Grown(func() {
			ctx, stop := context.WithTimeout(t.Context(), time.Minute)
			defer stop()
			if n, err := h.Get(ctx, name, "root", io.Discard); n > most || !errors.Is(err, bound.ErrTooMuch) {
				t.Errorf("as %s: %d bytes, %v", as, n, err)
			}
		})
		if grown > 32<<20 {
			t.Errorf("as %s: the heap grew by %d MiB", as, grown>>20)
		}
	}
}

// A writer that takes no more ends the copying, however much the host has.
func TestGetEndsWithItsWriter(t *testing.T) {
	for as, mode := range map[string]os.FileMode{"login": 0o600, "root": 0} {
		lab, cfg := startHost(t)
		name := lab.Path("/etc/default/file")
		if err := os.WriteFile(name, nil, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(name, 4<<30); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Minute)
		defer stop()
		if n, err := open(t, cfg).Get(ctx, name, "root", bound.NewWriter(io.Discard, 1<<20)); n > 1<<20 || !errors.Is(err, bound.ErrTooMuch) {
			t.Errorf("as %s: %d bytes, %v", as, n, err)
		}
	}
}

// Commands of a host that floods both outputs, or standard error before it has
// begun, end at their limit, and take what the bound says.
func TestFloodOfOutputsIsBounded(t *testing.T) {
	for name, what := range map[string]host.Flood{"before the mark": host.FloodErrors, "behind the mark": host.FloodOutputs} {
		lab, cfg := startHost(t)
		lab.Flood(what)
		h := open(t, cfg)
		grown := boundtest.Grown(func() {
			if _, err := h.Run(t.Context(), runner.Command{Argv: []string{"true"}, Limit: 3 * time.Second, Output: 8 << 20}); err == nil {
				t.Errorf("%s: no error", name)
			}
		})
		if grown > 64<<20 {
			t.Errorf("%s: the heap grew by %d MiB", name, grown>>20)
		}
	}
}
