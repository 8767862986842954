package cluster

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"aurorabot/lab/host"
)

// LogFile is what schedulers log to where systemd's journal does not have it.
const LogFile = "/var/log/aurora/scheduler.log"

// A supervisor is another one than systemd, as Debian's package of it has it.
type supervisor struct {
	packages []string
	files    map[string]string // With @NAME@ for the scheduler's name.
	links    map[string]string
	start    [][]string
	on       []string // Prints wants where the scheduler is supervised.
	wants    string
}

// wrapper starts the scheduler as its unit does.
const wrapper = "/usr/local/sbin/lab-scheduler"

var supervisors = map[string]supervisor{
	"supervisord": {
		packages: []string{"supervisor"},
		files: map[string]string{"/etc/supervisor/conf.d/@NAME@.conf": `[program:@NAME@]
command=` + wrapper + `
user=` + SchedulerUser + `
autostart=true
autorestart=true
stopwaitsecs=20
`},
		on: []string{"supervisorctl", "avail"}, wants: " auto ",
		start: [][]string{{"install", "-d", "/var/log/supervisor"}, {"systemctl", "enable", "supervisor"}, {"systemctl", "restart", "supervisor"}},
	},
	"runit": {
		packages: []string{"runit"},
		files: map[string]string{
			"/etc/sv/@NAME@/run":                       "#!/bin/sh\nexec chpst -u " + SchedulerUser + " " + wrapper + "\n",
			"/etc/systemd/system/lab-runsvdir.service": "[Service]\nExecStart=/usr/bin/runsvdir -P /etc/lab-service\n[Install]\nWantedBy=multi-user.target\n",
		},
		links: map[string]string{"/etc/lab-service/@NAME@": "/etc/sv/@NAME@", "/etc/sv/@NAME@/supervise": "/run/supervise.@NAME@"},
		on:    []string{"sh", "-c", "sv status /etc/lab-service/@NAME@ | sed /down/d"}, wants: "run: ",
		start: [][]string{{"systemctl", "enable", "lab-runsvdir"}, {"systemctl", "start", "lab-runsvdir"}},
	},
	"sysv": {
		packages: []string{"sysvinit-utils"},
		files: map[string]string{"/etc/init.d/@NAME@": `#!/bin/sh
### BEGIN INIT INFO
# Provides: @NAME@
# Required-Start:
# Required-Stop:
# Default-Start: 2 3 4 5
# Default-Stop: 0 1 6
### END INIT INFO
pid=/run/@NAME@.pid
case "$1" in
start) start-stop-daemon --start --quiet --oknodo --background --make-pidfile --pidfile $pid --chuid ` + SchedulerUser + ` --startas ` + wrapper + ` ;;
stop) start-stop-daemon --stop --quiet --oknodo --retry TERM/20/KILL/5 --remove-pidfile --pidfile $pid ;;
status)
	start-stop-daemon --status --pidfile $pid
	status=$?
	exit $status ;;
*) echo "Usage: $0 {start|stop|status}" >&2; exit 2 ;;
esac
`},
		on: []string{"find", "/etc/rc3.d"}, wants: "/S01@NAME@\n",
		start: [][]string{{"update-rc.d", "@NAME@", "defaults"}, {"systemctl", "daemon-reload"}, {"/etc/init.d/@NAME@", "start"}},
	},
}

// Supervisors are the kinds besides systemd, sorted.
func Supervisors() []string { return slices.Sorted(maps.Keys(supervisors)) }

// supervised is [Cluster.Supervised] under another supervisor than systemd.
func (s supervisor) supervised(c *Cluster, h host.Machine) (bool, error) {
	name := strings.NewReplacer("@NAME@", strings.TrimSuffix(host.Unit, ".service"))
	argv := make([]string, len(s.on))
	for i, w := range s.on {
		argv[i] = name.Replace(w)
	}
	out, err := c.ground.exec(h, argv...)
	return strings.Contains(out, name.Replace(s.wants)), err
}

// supervise puts the scheduler under the supervisor instead of systemd, and starts it.
func (r *realGround) supervise(h host.Machine) error {
	name := strings.NewReplacer("@NAME@", strings.TrimSuffix(host.Unit, ".service"))
	start := "#!/bin/sh\nexec >>" + LogFile + " 2>&1\nexec env " + strings.Join(r.env, " ") + " " + host.StartScript + "\n"
	files := maps.Clone(r.supervised.files)
	files[wrapper] = start
	if _, err := os.Lstat(h.Path(host.UnitFile)); err == nil { // Else it was done before.
		if _, err := r.exec(h, "systemctl", "disable", host.Unit); err != nil {
			return err
		}
		if err := os.Remove(h.Path(host.UnitFile)); err != nil {
			return err
		}
	}
	for path, text := range files {
		path = h.Path(name.Replace(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(name.Replace(text)), 0o755); err != nil {
			return err
		}
	}
	for link, target := range r.supervised.links {
		link, target = name.Replace(link), name.Replace(target)
		// On the host: links on the way would lead out of it.
		if _, err := r.exec(h, "install", "-d", filepath.Dir(link)); err != nil {
			return err
		}
		if _, err := r.exec(h, "ln", "-sfn", target, link); err != nil {
			return err
		}
	}
	log := filepath.Dir(LogFile)
	for _, argv := range append([][]string{{"install", "-d", "-o", SchedulerUser, "-g", SchedulerUser, log}, {"systemctl", "daemon-reload"}}, r.supervised.start...) {
		words := make([]string, len(argv))
		for i, w := range argv {
			words[i] = name.Replace(w)
		}
		if _, err := r.exec(h, words...); err != nil {
			return err
		}
	}
	return nil
}

// SupervisorsMissing is an error that names the packages of [Supervisors] that this
// machine lacks.
func SupervisorsMissing() error {
	var missing []string
	for _, kind := range Supervisors() {
		for _, name := range supervisors[kind].packages {
			if exec.Command("dpkg-query", "-W", name).Run() != nil {
				missing = append(missing, name)
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("not installed: %s", strings.Join(missing, ", "))
	}
	return nil
}
