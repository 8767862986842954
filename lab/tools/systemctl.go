package tools

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A call is one systemctl command line, taken apart.
type call struct {
	root, user     string
	stdout, stderr io.Writer
	properties     []string
	value, quiet   bool
	now, runtime   bool
	lines          int
	signal         string
	utf8           bool // Whether the locale has arrows and dots.
	units          []string
}

// Systemctl plays systemctl of systemd 252 for the host at [RootVariable]:
// texts and exit statuses of the verbs that operators of one service type.
func Systemctl(args []string, _ io.Reader, stdout, stderr io.Writer, env []string) int {
	c := &call{root: lookup(env, RootVariable), user: lookup(env, "USER"), stdout: stdout, stderr: stderr, lines: 10, utf8: hasUTF8(env)}
	verb := ""
	for i := 0; i < len(args); i++ {
		arg := args[i]
		next := func() string {
			if i+1 < len(args) {
				i++
				return args[i]
			}
			return ""
		}
		switch {
		case arg == "-p" || arg == "--property":
			c.properties = append(c.properties, strings.Split(next(), ",")...)
		case strings.HasPrefix(arg, "--property="):
			c.properties = append(c.properties, strings.Split(strings.TrimPrefix(arg, "--property="), ",")...)
		case strings.HasPrefix(arg, "-p") && len(arg) > 2:
			c.properties = append(c.properties, strings.Split(arg[2:], ",")...)
		case arg == "--value":
			c.value = true
		case arg == "-P":
			c.properties, c.value = append(c.properties, strings.Split(next(), ",")...), true
		case arg == "-q" || arg == "--quiet":
			c.quiet = true
		case arg == "--now":
			c.now = true
		case arg == "--runtime":
			c.runtime = true
		case arg == "-n" || arg == "--lines":
			c.lines, _ = strconv.Atoi(next())
		case strings.HasPrefix(arg, "--lines="):
			c.lines, _ = strconv.Atoi(strings.TrimPrefix(arg, "--lines="))
		case arg == "-o" || arg == "--output":
			next()
		case arg == "-s" || arg == "--signal":
			c.signal = next()
		case strings.HasPrefix(arg, "--signal="):
			c.signal = strings.TrimPrefix(arg, "--signal=")
		case arg == "--version":
			fmt.Fprintln(stdout, "systemd 252 (252.39-1~deb12u1)")
			return 0
		case slices.Contains([]string{"--no-pager", "--no-ask-password", "--system", "--full", "-l", "-a", "--all", "--no-legend", "--plain", "--no-block", "--job-mode=replace", "--kill-who=main", "--kill-whom=main"}, arg),
			strings.HasPrefix(arg, "--output="):
		case strings.HasPrefix(arg, "-"):
			fmt.Fprintf(stderr, "systemctl: unrecognized option '%s'\n", arg)
			return 1
		case verb == "":
			verb = arg
		default:
			c.units = append(c.units, fullName(arg))
		}
	}
	verbs := map[string]func(string) int{
		"start": c.change, "stop": c.change, "restart": c.change, "reset-failed": c.change, "kill": c.change,
		"is-active": c.isActive, "is-failed": c.isFailed, "is-enabled": c.isEnabled, "enable": c.enable, "disable": c.disable,
		"mask": c.mask, "unmask": c.unmask, "show": c.show, "status": c.status, "cat": c.cat,
	}
	switch {
	case slices.Contains([]string{"daemon-reload", "enable", "disable", "mask", "unmask"}, verb) && c.user != "root":
		word := map[string]string{"daemon-reload": "reload daemon"}[verb]
		if word == "" {
			word = verb + " unit"
		}
		fmt.Fprintf(stderr, "Failed to %s: Interactive authentication required.\n", word)
		return 1
	case verb == "daemon-reload":
		if _, err := ask(c.root, question{Verb: verb}); err != nil {
			return c.noBus(err)
		}
		return 0
	case verb == "is-system-running":
		fmt.Fprintln(stdout, "running")
		return 0
	case verbs[verb] == nil:
		fmt.Fprintf(stderr, "Unknown command verb %s.\n", verb)
		return 1
	case len(c.units) == 0:
		fmt.Fprintln(stderr, "Too few arguments.")
		return 1
	}
	return verbs[verb](verb)
}

// hasUTF8 tells by the locale's variables, the strongest first.
func hasUTF8(env []string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := lookup(env, name); value != "" {
			return strings.Contains(strings.ToUpper(value), "UTF-8")
		}
	}
	return false
}

func (c *call) sign(utf8, ascii string) string {
	if c.utf8 {
		return utf8
	}
	return ascii
}

// noBus is what systemctl says when systemd is not there.
func (c *call) noBus(err error) int {
	fmt.Fprintln(c.stderr, "System has not been booted with systemd as init system (PID 1). Can't operate.")
	fmt.Fprintf(c.stderr, "Failed to connect to bus: %v\n", err)
	return 1
}

func (c *call) props(unit string) (map[string]string, error) {
	r, err := ask(c.root, question{Verb: "show", Unit: unit})
	return r.Props, err
}

// change is for the verbs that systemd itself carries out.
func (c *call) change(verb string) int {
	status := 0
	for _, unit := range c.units {
		if c.user != "root" {
			fmt.Fprintf(c.stderr, "Failed to %s %s: Interactive authentication required.\nSee system logs and 'systemctl status %s' for details.\n", verb, unit, unit)
			status = 1
			continue
		}
		if p, err := c.props(unit); err == nil && p["NeedDaemonReload"] == "yes" && !c.quiet {
			fmt.Fprintf(c.stderr, "Warning: The unit file, source configuration file or drop-ins of %s changed on disk. Run 'systemctl daemon-reload' to reload units.\n", unit)
		}
		r, err := ask(c.root, question{Verb: verb, Unit: unit, Arg: c.signal})
		switch {
		case err != nil:
			return c.noBus(err)
		case r.Error == "":
		case r.Error == "not-found" && verb == "kill":
			fmt.Fprintf(c.stderr, "Failed to kill unit %s: Unit %s not loaded.\n", unit, unit)
			status = 1
		case r.Error == "not-found":
			word := map[string]string{"start": "not found", "restart": "not found"}[verb]
			if word == "" {
				word = "not loaded"
			}
			fmt.Fprintf(c.stderr, "Failed to %s %s: Unit %s %s.\n", verb, unit, unit, word)
			status = 5
		case r.Error == "masked":
			fmt.Fprintf(c.stderr, "Failed to %s %s: Unit %s is masked.\n", verb, unit, unit)
			status = 1
		case r.Error == "bad-setting":
			fmt.Fprintf(c.stderr, "Failed to %s %s: Unit %s has a bad unit file setting.\nSee system logs and 'systemctl status %s' for details.\n", verb, unit, unit, unit)
			status = 1
		default:
			why := map[string]string{
				"control":         "the control process exited with error code",
				"start-limit-hit": "start of the service was attempted too often",
				"resources":       "of unavailable resources or another system error",
			}[r.Error]
			if why == "" {
				why = r.Error
			}
			fmt.Fprintf(c.stderr, "Job for %s failed because %s.\nSee \"systemctl status %s\" and \"journalctl -xeu %s\" for details.\n", unit, why, unit, unit)
			status = 1
		}
	}
	return status
}

func (c *call) isActive(string) int { return c.isIn(3, "active", "reloading") }

func (c *call) isFailed(string) int { return c.isIn(1, "failed") }

// isIn is 0 if a unit is in one of the states, else otherwise.
func (c *call) isIn(otherwise int, states ...string) int {
	status := otherwise
	for _, unit := range c.units {
		p, err := c.props(unit)
		if err != nil {
			return c.noBus(err)
		}
		if !c.quiet {
			fmt.Fprintln(c.stdout, p["ActiveState"])
		}
		if slices.Contains(states, p["ActiveState"]) {
			status = 0
		}
	}
	return status
}

func (c *call) isEnabled(string) int {
	status := 1
	for _, unit := range c.units {
		state := fileState(c.root, unit)
		switch state {
		case "":
			fmt.Fprintf(c.stderr, "Failed to get unit file state for %s: No such file or directory\n", unit)
			continue
		case "enabled", "enabled-runtime", "static":
			status = 0
		}
		if !c.quiet {
			fmt.Fprintln(c.stdout, state)
		}
	}
	return status
}

// folder is where enable and mask write.
func (c *call) folder() string {
	if c.runtime {
		return filepath.Join(c.root, "run/systemd/system")
	}
	return filepath.Join(c.root, "etc/systemd/system")
}

func (c *call) enable(verb string) int {
	for _, unit := range c.units {
		u := loadUnit(c.root, unit)
		switch u.load {
		case "not-found":
			fmt.Fprintf(c.stderr, "Failed to enable unit: Unit file %s does not exist.\n", unit)
			return 1
		case "masked":
			fmt.Fprintf(c.stderr, "Failed to enable unit: Unit file %s is masked.\n", u.fragment)
			return 1
		}
		if len(u.wantedBy) == 0 {
			fmt.Fprintln(c.stderr, "The unit files have no installation config (WantedBy=, RequiredBy=, Also=,\nAlias= settings in the [Install] section, and DefaultInstance= for template\nunits). This means they are not meant to be enabled using systemctl.")
		}
		for _, target := range u.wantedBy {
			link := filepath.Join(c.folder(), target+".wants", unit)
			if _, err := os.Lstat(link); err == nil {
				continue
			}
			err := os.MkdirAll(filepath.Dir(link), 0o755)
			if err == nil {
				err = os.Symlink(u.fragment, link)
			}
			if err != nil {
				fmt.Fprintf(c.stderr, "Failed to enable unit: %v\n", err)
				return 1
			}
			if !c.quiet {
				fmt.Fprintf(c.stderr, "Created symlink %s %s %s.\n", link, c.sign("→", "->"), u.fragment)
			}
		}
	}
	return c.then("start")
}

func (c *call) disable(verb string) int {
	for _, unit := range c.units {
		if loadUnit(c.root, unit).load == "not-found" {
			fmt.Fprintf(c.stderr, "Failed to disable unit: Unit file %s does not exist.\n", unit)
			return 1
		}
		links, _ := filepath.Glob(filepath.Join(c.folder(), "*.wants", unit))
		for _, link := range links {
			if err := os.Remove(link); err != nil {
				fmt.Fprintf(c.stderr, "Failed to disable unit: %v\n", err)
				return 1
			}
			if !c.quiet {
				fmt.Fprintf(c.stderr, "Removed \"%s\".\n", link)
			}
		}
	}
	return c.then("stop")
}

func (c *call) mask(verb string) int {
	for _, unit := range c.units {
		link := filepath.Join(c.folder(), unit)
		if target, err := os.Readlink(link); err == nil && target == "/dev/null" {
			continue
		}
		if loadUnit(c.root, unit).load == "not-found" {
			fmt.Fprintf(c.stderr, "Unit %s does not exist, proceeding anyway.\n", unit)
		}
		err := os.MkdirAll(c.folder(), 0o755)
		if err == nil {
			err = os.Symlink("/dev/null", link)
		}
		switch {
		case errors.Is(err, fs.ErrExist):
			fmt.Fprintf(c.stderr, "Failed to mask unit: File %s already exists.\n", link)
			return 1
		case err != nil:
			fmt.Fprintf(c.stderr, "Failed to mask unit: %v\n", err)
			return 1
		}
		if !c.quiet {
			fmt.Fprintf(c.stderr, "Created symlink %s %s /dev/null.\n", link, c.sign("→", "->"))
		}
	}
	return c.then("stop")
}

func (c *call) unmask(string) int {
	for _, unit := range c.units {
		link := filepath.Join(c.folder(), unit)
		if target, err := os.Readlink(link); err == nil && target == "/dev/null" {
			if err := os.Remove(link); err != nil {
				fmt.Fprintf(c.stderr, "Failed to unmask unit: %v\n", err)
				return 1
			}
			if !c.quiet {
				fmt.Fprintf(c.stderr, "Removed \"%s\".\n", link)
			}
		}
	}
	return c.then("")
}

// then reloads, as enable and its like do, and with --now goes on with verb.
func (c *call) then(verb string) int {
	if _, err := ask(c.root, question{Verb: "daemon-reload"}); err != nil {
		return c.noBus(err)
	}
	if c.now && verb != "" {
		return c.change(verb)
	}
	return 0
}

func (c *call) show(string) int {
	for i, unit := range c.units {
		p, err := c.props(unit)
		if err != nil {
			return c.noBus(err)
		}
		if i > 0 {
			fmt.Fprintln(c.stdout)
		}
		for _, name := range propertyOrder {
			value, ok := p[name]
			asked := slices.Contains(c.properties, name)
			switch {
			case !ok, len(c.properties) > 0 && !asked, len(c.properties) == 0 && value == "":
			case c.value:
				fmt.Fprintln(c.stdout, value)
			default:
				fmt.Fprintf(c.stdout, "%s=%s\n", name, value)
			}
		}
	}
	return 0
}

func (c *call) cat(string) int {
	for i, unit := range c.units {
		u := loadUnit(c.root, unit)
		if u.fragment == "" {
			fmt.Fprintf(c.stderr, "No files found for %s.\n", unit)
			return 1
		}
		for j, path := range append([]string{u.fragment}, u.dropIns...) {
			text, err := os.ReadFile(path)
			if err != nil {
				fmt.Fprintf(c.stderr, "Failed to cat %s: %v\n", path, err)
				return 1
			}
			if i+j > 0 {
				fmt.Fprintln(c.stdout)
			}
			fmt.Fprintf(c.stdout, "# %s\n%s", path, text)
		}
	}
	return 0
}

func (c *call) status(string) int {
	status := 0
	for i, unit := range c.units {
		p, err := c.props(unit)
		if err != nil {
			return c.noBus(err)
		}
		if p["LoadState"] == "not-found" && p["ActiveState"] == "inactive" {
			fmt.Fprintf(c.stderr, "Unit %s could not be found.\n", unit)
			status = 4
			continue
		}
		if i > 0 {
			fmt.Fprintln(c.stdout)
		}
		if p["ActiveState"] != "active" && status == 0 {
			status = 3
		}
		c.statusOf(unit, p)
	}
	return status
}
