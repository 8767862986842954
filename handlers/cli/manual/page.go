package manual

import (
	"fmt"
	"strings"
)

// An Exit is an exit status and what it means.
type Exit struct {
	Status int
	Means  string
}

// Page is the manual page aurorabot(1), for man(1).
func Page(version string, commands []Command, exits []Exit) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH AURORABOT 1 \"\" %q \"User Commands\"\n", "aurorabot "+roff(version))
	b.WriteString(`.SH NAME
aurorabot \- restore a backup of an Apache Aurora scheduler, from Slack or the command line
.SH SYNOPSIS
.B aurorabot
.RB [ \-\-config
.IR FILE ]
.I COMMAND
.RI [ ARGUMENT... ]
.SH DESCRIPTION
A bot that walks the recovery of Apache Aurora's replicated log: plan, approvals, every step on every host, and the way back.
The same words work in Slack, after
.BR /aurora ,
wherever they make sense there.
.PP
Where
.B aurorabot serve
runs, the command line talks to it through the socket in its state folder; else a command does its work by itself.
.SH COMMANDS
Every command takes
.B \-\-json
and
.B \-\-config
.IR FILE .
`)
	for _, c := range commands {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(strings.TrimSpace(c.Name+" "+c.Usage)), roff(sentence(c.Help)))
	}
	b.WriteString(".SH EXIT STATUS\nTreat one that is not listed as a failure.\n")
	for _, e := range exits {
		fmt.Fprintf(&b, ".TP\n.B %d\n%s\n", e.Status, roff(sentence(e.Means)))
	}
	b.WriteString(`.SH ENVIRONMENT
.TP
.B AURORABOT_CONFIG
The configuration, where
.B \-\-config
is not given.
.TP
.BR SLACK_BOT_TOKEN ", " SLACK_APP_TOKEN
Slack's tokens; the configuration may name files instead.
.SH FILES
.TP
.I state_dir
Of the configuration: journals, the lock, the socket. One process owns it.
.SH EXAMPLES
.EX
aurorabot config example > aurorabot.yaml
aurorabot config check aurorabot.yaml
aurorabot report \-\-nagios
aurorabot backup verify scheduler\-backup\-2026\-11\-23\-08\-36
.EE
`)
	return b.String()
}

// roff is text that means nothing to roff.
func roff(s string) string {
	s = strings.ReplaceAll(s, `\`, `\e`)
	s = strings.ReplaceAll(s, "-", `\-`)
	lines := strings.Split(s, "\n")
	for i := range lines {
		if strings.HasPrefix(lines[i], ".") || strings.HasPrefix(lines[i], "'") {
			lines[i] = `\&` + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}

func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + strings.TrimSuffix(s[1:], ".") + "."
}
