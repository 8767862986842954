package app

import (
	"testing"
	"time"

	"aurorabot/config"
)

// Hosts behind the same bastion share one connection to it; another account, another key
// or another way to it is another bastion.
func TestWaysShareBastions(t *testing.T) {
	y := &ways{w: World{Env: func(string) string { return "" }, Now: time.Now}}
	defer y.close()
	outer := config.SSH{Address: "outer:22", User: "ops", KeyFiles: []string{"/k"}}
	inner := config.SSH{Address: "inner:22", User: "ops", KeyFiles: []string{"/k"}}
	other := outer
	other.User = "ann"
	for i, tt := range []struct {
		jump []config.SSH
		want int
	}{
		{nil, 0}, {[]config.SSH{outer}, 1}, {[]config.SSH{outer}, 1}, {[]config.SSH{outer, inner}, 2}, {[]config.SSH{inner}, 3}, {[]config.SSH{other}, 4}, {[]config.SSH{outer, inner}, 4},
	} {
		defer y.host(config.SSH{Address: "s1:22", User: "dr", Jump: tt.jump}, "s1", "").Close()
		if len(y.bastions) != tt.want {
			t.Errorf("%d: %d bastions, want %d", i, len(y.bastions), tt.want)
		}
	}
}
