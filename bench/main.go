// Command bench measures the program's parts beside their peers, in
// one run: bench/run.sh builds what it needs and calls it.
//
//	bench backup RECORDING FILE   writes a backup of 100,000 tasks, made of a recording in gzip
//	bench log RECORDING DIR       writes a replica's log of 200,000 entries
//	bench decode FILE             decodes a backup as the command does, without hashing it
//	bench goleveldb DIR           walks over a log with goleveldb's iterator, every checksum verified
//	bench run [flags]             measures the programs and prints the table
//	bench fanout -n N [flags]     one command, many questions and an upload over N hosts, beside Ansible, clush, ssh and scp
//	bench ask [flags]             asks such hosts by the bot's own transport
//	bench serve [flags]           starts the bot, and looks at it when nothing happens
//	bench outage FILE...          how long schedulers were out of service, by the output of lab --auto --json
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := do(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func do(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("what is to be done is missing: backup, log, decode, goleveldb, run, fanout, ask, serve or outage")
	}
	verb, rest := args[0], args[1:]
	switch verb {
	case "run":
		return measure(rest)
	case "fanout":
		return fanOut(rest)
	case "ask":
		return ask(rest)
	case "serve":
		return serveIdle(rest)
	case "outage":
		return outages(rest, os.Stdout)
	}
	wanted := map[string]int{"backup": 2, "log": 2, "decode": 1, "goleveldb": 1}
	switch n, ok := wanted[verb]; {
	case !ok:
		return fmt.Errorf("there is no %q", verb)
	case len(rest) != n:
		return fmt.Errorf("%s: %d names given, %d wanted", verb, len(rest), n)
	}
	switch verb {
	case "backup":
		return writeBackup(rest[0], rest[1], 100_000)
	case "log":
		return writeLog(rest[0], rest[1], 200_000)
	case "decode":
		return decode(rest[0])
	}
	return iterate(rest[0])
}
