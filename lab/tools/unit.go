package tools

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A unit is a service as its files describe it, in the subset of
// systemd.service(5) that schedulers use. Other settings are read over.
type unit struct {
	name     string
	load     string   // "loaded", "not-found", "masked".
	fragment string   // The unit file.
	dropIns  []string // In the order in which they apply.
	stamp    string   // Changes when one of the files changes.
	folders  []string // Folders of drop-ins that were there when it was read.

	description   string
	kind          string // Type=.
	start         []string
	startPre      []string
	env           []string
	envFiles      []string
	user, dir     string
	restart       string
	restartAfter  time.Duration
	stopTimeout   time.Duration
	killMode      string
	successStatus []string
	limitBurst    int
	limitInterval time.Duration
	wantedBy      []string
}

// unitFolders are searched in this order; the first one wins.
var unitFolders = []string{"etc/systemd/system", "run/systemd/system", "lib/systemd/system", "usr/lib/systemd/system"}

// fullName adds ".service" as systemctl does.
func fullName(name string) string {
	if strings.Contains(name, ".") {
		return name
	}
	return name + ".service"
}

// loadUnit reads a unit's files below root.
func loadUnit(root, name string) *unit {
	u := &unit{
		name: name, load: "not-found", description: name, kind: "simple", restart: "no", restartAfter: 100 * time.Millisecond,
		stopTimeout: 90 * time.Second, killMode: "control-group", limitBurst: 5, limitInterval: 10 * time.Second,
	}
	for _, folder := range unitFolders {
		path := filepath.Join(root, folder, name)
		if target, err := os.Readlink(path); err == nil && target == "/dev/null" {
			u.load, u.fragment = "masked", path
			return u
		}
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		u.load, u.fragment = "loaded", path
		u.read(string(text))
		break
	}
	for _, folder := range unitFolders {
		if path := filepath.Join(root, folder, name+".d"); isDir(path) {
			u.folders = append(u.folders, path)
		}
	}
	u.stamp = u.stampNow(root)
	if u.load == "loaded" {
		for _, path := range dropIns(root, name) {
			if text, err := os.ReadFile(path); err == nil {
				u.dropIns = append(u.dropIns, path)
				u.read(string(text))
			}
		}
	}
	return u
}

// dropIns lists a unit's drop-ins by file name; of equal names the first folder's counts.
func dropIns(root, name string) []string {
	byName := map[string]string{}
	for _, folder := range unitFolders {
		paths, _ := filepath.Glob(filepath.Join(root, folder, name+".d", "*.conf"))
		for _, path := range paths {
			if _, ok := byName[filepath.Base(path)]; !ok {
				byName[filepath.Base(path)] = path
			}
		}
	}
	var paths []string
	for _, path := range byName {
		paths = append(paths, path)
	}
	slices.SortFunc(paths, func(a, b string) int { return strings.Compare(filepath.Base(a), filepath.Base(b)) })
	return paths
}

// stampNow changes when a file of the unit comes, goes or changes. Folders of
// drop-ins that are new since the last daemon-reload are not looked into, as
// systemd's cache of unit paths does not (seen on 252).
func (u *unit) stampNow(root string) string {
	var b strings.Builder
	for _, folder := range unitFolders {
		if info, err := os.Stat(filepath.Join(root, folder, u.name)); err == nil {
			b.WriteString(folder + info.ModTime().String())
		}
	}
	for _, path := range dropIns(root, u.name) {
		if info, err := os.Stat(path); err == nil && slices.Contains(u.folders, filepath.Dir(path)) {
			b.WriteString(path + info.ModTime().String())
		}
	}
	return b.String()
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// read applies the settings of one file.
func (u *unit) read(text string) {
	section := ""
	text = strings.ReplaceAll(text, "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
			continue
		case line[0] == '[':
			section = line
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		u.set(section+strings.TrimSpace(key), strings.TrimSpace(value))
	}
}

func (u *unit) set(key, value string) {
	// An empty value of a list takes back what stood before.
	list := func(l *[]string, values ...string) {
		if value == "" {
			*l = nil
			return
		}
		*l = append(*l, values...)
	}
	switch key {
	case "[Unit]Description":
		u.description = value
	case "[Unit]StartLimitBurst":
		u.limitBurst, _ = strconv.Atoi(value)
	case "[Unit]StartLimitIntervalSec", "[Unit]StartLimitInterval":
		u.limitInterval = span(value, u.limitInterval)
	case "[Service]Type":
		u.kind = value
	case "[Service]ExecStart":
		list(&u.start, value)
	case "[Service]ExecStartPre":
		list(&u.startPre, value)
	case "[Service]Environment":
		list(&u.env, words(value)...)
	case "[Service]EnvironmentFile":
		list(&u.envFiles, value)
	case "[Service]User":
		u.user = value
	case "[Service]WorkingDirectory":
		u.dir = value
	case "[Service]Restart":
		u.restart = value
	case "[Service]RestartSec":
		u.restartAfter = span(value, u.restartAfter)
	case "[Service]TimeoutStopSec", "[Service]TimeoutSec":
		u.stopTimeout = span(value, u.stopTimeout)
	case "[Service]KillMode":
		u.killMode = value
	case "[Service]SuccessExitStatus":
		list(&u.successStatus, strings.Fields(value)...)
	case "[Install]WantedBy":
		list(&u.wantedBy, strings.Fields(value)...)
	}
}

// span reads a time span of systemd.time(7); a bare number is seconds.
func span(value string, otherwise time.Duration) time.Duration {
	if value == "infinity" {
		return 1 << 62
	}
	var total time.Duration
	for _, word := range strings.Fields(value) {
		digits := strings.TrimRight(word, "abcdefghijklmnopqrstuvwxyz")
		n, err := strconv.ParseFloat(digits, 64)
		scale, ok := map[string]time.Duration{
			"": time.Second, "s": time.Second, "sec": time.Second, "ms": time.Millisecond, "us": time.Microsecond,
			"m": time.Minute, "min": time.Minute, "h": time.Hour,
		}[word[len(digits):]]
		if err != nil || !ok {
			return otherwise
		}
		total += time.Duration(n * float64(scale))
	}
	return total
}

// words splits a line as systemd does: by space, with quotes and backslashes.
func words(line string) []string {
	var all []string
	var word strings.Builder
	var quote byte
	begun := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '\\' && i+1 < len(line) && quote != '\'':
			i++
			word.WriteByte(line[i])
			begun = true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, begun = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if begun {
				all = append(all, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if begun {
		all = append(all, word.String())
	}
	return all
}

// command returns the words of an Exec line with variables filled in, and
// whether its failure counts.
func command(line string, env []string) (argv []string, counts bool) {
	counts = true
	for len(line) > 0 && strings.IndexByte("-+!:", line[0]) >= 0 {
		counts = counts && line[0] != '-'
		line = line[1:]
	}
	for _, word := range words(line) {
		if name, ok := strings.CutPrefix(word, "$"); ok && name != "" && !strings.HasPrefix(name, "{") && !strings.HasPrefix(name, "$") {
			argv = append(argv, words(lookup(env, name))...)
			continue
		}
		for {
			before, rest, ok := strings.Cut(word, "${")
			name, after, closed := strings.Cut(rest, "}")
			if !ok || !closed {
				break
			}
			word = before + lookup(env, name) + after
		}
		argv = append(argv, word)
	}
	return argv, counts
}

// environment is what the unit's processes get besides the host's own.
func (u *unit) environment() ([]string, error) {
	env := slices.Clone(u.env)
	for _, path := range u.envFiles {
		path, optional := strings.CutPrefix(path, "-")
		text, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) && optional {
			continue
		} else if err != nil {
			return nil, err
		}
		for line := range strings.Lines(strings.ReplaceAll(string(text), "\\\n", "")) {
			line = strings.TrimSpace(line)
			name, value, ok := strings.Cut(line, "=")
			if !ok || line[0] == '#' || line[0] == ';' {
				continue
			}
			env = append(env, strings.TrimSpace(name)+"="+strings.Join(words(value), " "))
		}
	}
	return env, nil
}
