package config

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestUsual(t *testing.T) {
	for _, tt := range []struct {
		xdg, home string
		want      []string
	}{
		{"/x", "/home/ann", []string{"/x/aurorabot.yaml", "/etc/aurorabot.yaml", "/etc/aurorabot/aurorabot.yaml"}},
		{"", "/home/ann", []string{"/home/ann/.config/aurorabot.yaml", "/etc/aurorabot.yaml", "/etc/aurorabot/aurorabot.yaml"}},
		{"relative", "/home/ann", []string{"/etc/aurorabot.yaml", "/etc/aurorabot/aurorabot.yaml"}},
		{"", "", []string{"/etc/aurorabot.yaml", "/etc/aurorabot/aurorabot.yaml"}},
	} {
		env := map[string]string{"XDG_CONFIG_HOME": tt.xdg, "HOME": tt.home}
		if got := Usual(func(name string) string { return env[name] }); !slices.Equal(got, tt.want) {
			t.Errorf("XDG_CONFIG_HOME=%q HOME=%q: %q, want %q", tt.xdg, tt.home, got, tt.want)
		}
	}
}

// The first file that is there counts. One that cannot be looked at is not passed
// over: another configuration would be read in its place, without a word.
func TestFind(t *testing.T) {
	dir := t.TempDir()
	one, two := filepath.Join(dir, "one"), filepath.Join(dir, "two")
	if got := Find([]string{one, two}); got != "" {
		t.Errorf("found %s", got)
	}
	for _, file := range []string{two, one} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := Find([]string{one, two}); got != file {
			t.Errorf("found %q, want %s", got, file)
		}
	}
	if got, want := Find([]string{filepath.Join(one, "below a file"), two}), filepath.Join(one, "below a file"); got != want {
		t.Errorf("found %q, want %s", got, want)
	}
}
