package node

import (
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/runnertest"
)

// When a scheduler was started is known to the second, wherever its host lies:
// systemctl writes the zone as letters, of which another machine knows nothing.
func TestUnitIsReadInUTC(t *testing.T) {
	began := time.Date(2026, 7, 23, 8, 36, 24, 0, time.UTC)
	h := runnertest.NewHost(t, "s1")
	show := func(zone *time.Location) func(runner.Command) runner.Output {
		return func(runner.Command) runner.Output {
			return runnertest.Out(strings.Join([]string{
				"LoadState=loaded", "ActiveState=failed", "SubState=failed", "MainPID=0", "UnitFileState=enabled", "Restart=always",
				"ExecMainStatus=1", "ExecMainStartTimestamp=" + began.In(zone).Format("Mon 2006-01-02 15:04:05 MST"), "",
			}, "\n"))
		}
	}
	h.On([]string{"systemctl", "show", "aurora"}, show(time.FixedZone("CEST", 2*60*60)))
	h.On([]string{"env", "TZ=UTC", "systemctl", "show", "aurora"}, show(time.UTC))
	s := systemd{&Node{Host: h, Name: "s1"}, "aurora"}
	u, err := s.State(t.Context())
	if err != nil || !u.Since.Equal(began) || u.Running || u.Exit != 1 {
		t.Errorf("%+v, %v; want a start at %s", u, err, began)
	}
	// A host whose `env` is ours to doubt: a time of another zone is none.
	h.On([]string{"env", "TZ=UTC", "systemctl", "show", "aurora"}, show(time.FixedZone("CEST", 2*60*60)))
	if u, err = s.State(t.Context()); err != nil || !u.Since.IsZero() {
		t.Errorf("%+v, %v; want that the start is not known", u, err)
	}
}
