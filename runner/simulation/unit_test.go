package simulation

import (
	"fmt"
	"time"
)

// A unit is systemd's view of the scheduler on a host.
type unit struct {
	h        *host
	enabled  bool
	noLoop   bool // The drop-in with Restart=no was read.
	main     *process
	starting bool // On its way after it ended by itself.
	stopping bool
	failed   bool
	exit     int
	loops    int       // How often it was started again by itself.
	since    time.Time // Start of the last process, by the host's clock.
}

func (u *unit) active() (string, string) {
	switch {
	case u.stopping:
		return "deactivating", "stop-sigterm"
	case u.main != nil && u.main.alive:
		return "active", "running"
	case u.starting:
		return "activating", "auto-restart"
	case u.failed:
		return "failed", "failed"
	}
	return "inactive", "dead"
}

// show is what `systemctl show` prints to somebody in that zone.
func (u *unit) show(zone *time.Location) string {
	state, sub := u.active()
	pid, since := 0, ""
	if u.main != nil && u.main.alive {
		pid = u.main.pid
	}
	if !u.since.IsZero() {
		since = u.since.In(zone).Format("Mon 2006-01-02 15:04:05 MST")
	}
	files, restart := "disabled", "always"
	if u.enabled {
		files = "enabled"
	}
	if u.noLoop {
		restart = "no"
	}
	return fmt.Sprintf("LoadState=loaded\nActiveState=%s\nSubState=%s\nMainPID=%d\nUnitFileState=%s\nRestart=%s\nFragmentPath=/lib/systemd/system/aurora-scheduler.service\nExecMainStatus=%d\nExecMainStartTimestamp=%s\nNeedDaemonReload=no\n",
		state, sub, pid, files, restart, u.exit, since)
}

// start starts the scheduler unless it runs.
func (u *unit) start(by string) {
	if u.main != nil && u.main.alive || u.h.down() {
		return
	}
	u.starting, u.failed = false, false
	u.main = u.h.spawn(by)
	u.since = u.main.since
}

// stop begins to stop it; it takes a while.
func (u *unit) stop(by string) time.Duration {
	u.starting = false
	if u.main == nil || !u.main.alive {
		u.failed = false
		return 100 * time.Millisecond
	}
	u.stopping = true
	p := u.main
	takes := u.h.w.between(time.Second, 4*time.Second)
	u.h.w.after(takes, func() {
		if p.alive {
			u.h.w.tell("world", "%s: the scheduler (PID %d) stops, asked by %s", u.h.name, p.pid, by)
			p.end(143, true)
		}
		u.stopping = false
	})
	return takes + 200*time.Millisecond
}

// ended is called when the main process is gone.
func (u *unit) ended(p *process, exit int) {
	if u.main != p {
		return
	}
	u.exit = exit
	if u.stopping || u.h.down() {
		return
	}
	if u.noLoop {
		u.failed = exit != 0
		return
	}
	u.starting = true
	pause := time.Second
	if u.loops++; u.loops > 4 {
		pause = 5 * time.Minute // So that a broken one does not fill the story.
	}
	u.h.w.after(pause, func() {
		if u.starting && (u.main == nil || !u.main.alive) {
			u.start("systemd")
		}
	})
}

// reload is `systemctl daemon-reload`.
func (u *unit) reload() { u.noLoop = u.h.fs.at(u.h.dropIn()) != nil }
