package flagfile

import (
	"path"
	"regexp"
	"strings"
)

// Kind works out the format from a file's name and its content.
func Kind(name string, text []byte) string {
	switch {
	case IsUnit(name) || ofSystemd.Match(text):
		return Systemd
	case ofSupervisord.Match(text):
		return Supervisord
	case path.Dir(name) == "/etc/init" || ofUpstart.Match(text) && !strings.HasPrefix(string(text), "#!"):
		return Upstart
	case onlyArgs(text):
		return Args
	case strings.HasPrefix(string(text), "#!") && launches.Match(text):
		return Script
	}
	return Shell
}

// IsUnit tells by the name whether systemd reads a file: then it must be told when
// the file was changed.
func IsUnit(name string) bool {
	return strings.HasSuffix(name, ".service") || strings.HasSuffix(path.Dir(name), ".service.d") && strings.HasSuffix(name, ".conf")
}

var (
	ofSystemd     = regexp.MustCompile(`(?m)^\[(Unit|Service|Install)\][ \t]*$`)
	ofSupervisord = regexp.MustCompile(`(?m)^\[(program:[^\]]+|supervisord)\]`)
	ofUpstart     = regexp.MustCompile(`(?m)^[ \t]*(script[ \t]*$|end script\b|start on |stop on |respawn[ \t]*$)`)
	launches      = regexp.MustCompile(`(?m)^[ \t]*exec[ \t]`)
)

// onlyArgs: each line is an argument, or a comment.
func onlyArgs(text []byte) bool {
	some := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !strings.HasPrefix(line, "-") {
			return false
		}
		some = true
	}
	return some
}
