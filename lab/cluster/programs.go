package cluster

import (
	"io"
	"os"
	"path/filepath"
	"slices"

	"aurorabot/lab/auroraadmin"
	"aurorabot/lab/mesoslog"
	"aurorabot/lab/scheduler"
	"aurorabot/lab/tools"
)

// programs are those of Aurora and Mesos that a scheduler host has.
var programs = map[string]func(args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int{
	"aurora-scheduler": scheduler.Main,
	"aurora_admin":     auroraadmin.Main,
	"mesos-log":        mesoslog.Main,
	"recovery-tool":    scheduler.RecoveryTool,
}

// Programs are the names that the hosts' multi-call program is linked to,
// besides those of the operating system's tools.
func Programs() []string {
	names := make([]string, 0, len(programs))
	for name := range programs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// RunProgram plays the program that argv[0] names and reports whether there is
// one: what the multi-call program does first.
func RunProgram(argv []string) (status int, ok bool) {
	if len(argv) == 0 {
		return 0, false
	}
	if main, ok := programs[filepath.Base(argv[0])]; ok {
		return main(argv, os.Stdin, os.Stdout, os.Stderr, os.Environ()), true
	}
	return tools.Run(argv)
}
