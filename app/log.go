package app

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"aurorabot/handlers/syntax"
	"aurorabot/runner/redact"
)

// A logging is how the log of `serve` is written. Zero: text, from INFO on.
type logging struct {
	json  bool
	level slog.Level
}

var (
	logFormats = []string{"text", "json"}
	logLevels  = []string{"debug", "info", "warn", "error"}
	logOptions = []syntax.Option{
		{Name: "log-format", Value: "text|json", Help: "how the log is written; text if not given"},
		{Name: "log-level", Value: "LEVEL", Help: "from which level on: debug, info, warn or error; info if not given"},
	}
)

// loggingOf reads the options of a command.
func loggingOf(given map[string]string) (l logging, err error) {
	if f, ok := given["log-format"]; ok {
		if !slices.Contains(logFormats, f) {
			return l, fmt.Errorf("--log-format is %.40q, want %s", f, strings.Join(logFormats, " or "))
		}
		l.json = f == "json"
	}
	if name, ok := given["log-level"]; ok {
		if !slices.Contains(logLevels, name) || l.level.UnmarshalText([]byte(name)) != nil {
			return l, fmt.Errorf("--log-level is %.40q, want %s", name, strings.Join(logLevels, ", "))
		}
	}
	return l, nil
}

// logger writes to w, without secrets.
func (l logging) logger(w io.Writer, secrets *redact.Redactor) *slog.Logger {
	o := &slog.HandlerOptions{ReplaceAttr: secrets.Attr, Level: l.level}
	if l.json {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
