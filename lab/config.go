package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/lab/script"
)

// passwordFile holds the password that schedulers want.
func (l *lab) passwordFile() string { return filepath.Join(l.dir, "scheduler-password") }

// configuration is the bot's, as an operator of this cluster would write it.
func (l *lab) configuration() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Written by the rehearsal lab.")
	line("state_dir: %q", l.stateDir())
	if !l.set.slackless {
		line("slack:")
		line("  api_url: %q", l.slack.APIURL())
		line("  announce: %s", script.Incidents)
		line("  direct_messages: true")
	}
	if l.set.terminal && isRoot() {
		line("cli:")
		line("  socket: %q", filepath.Join(l.dir, "aurorabot.sock"))
		line("  group: %d", operators)
	}
	line("ssh:")
	line("  user: %s", cluster.User)
	line("  key_files: [%q]", l.cluster.KeyFile)
	line("  known_hosts: [%q]", l.cluster.KnownHosts)
	if l.cluster.Bastion != "" {
		line("  jump: [%q]", l.cluster.Bastion)
	}
	if l.set.hosts == "embedded" {
		// The hosts share this machine's file system, and none of them has a
		// /home of its own there.
		line("  run_dir: %q", filepath.Join(l.dir, "jobs"))
	}
	line("clusters:")
	line("  %s:", cluster.Name)
	line("    version: 0.22.0")
	if l.set.recipe != "" {
		line("    recipe: %s", l.set.recipe)
	}
	line("    firewall: nft")
	if l.set.supervisor != "systemd" {
		line("    supervisor: {kind: %s}", l.set.supervisor)
		line("    log_files: [%s]", cluster.LogFile)
	}
	line("    admin: %s", l.set.admin)
	line("    user: %s", cluster.SchedulerUser)
	if l.set.secure {
		line("    api: {user: %s, password_file: %q, ca_file: %q, server_name: schedulers.lab}", cluster.APIUser, l.passwordFile(), l.cluster.CAFile())
	}
	line("    zookeeper_session: %s", l.cluster.Session())
	switch {
	case l.set.shelf != "": // They are of today.
	case l.set.damage.Kind == cluster.OldBackup:
		line("    max_backup_age: 720h")
	default:
		line("    # The recorded backup grows older every day.")
		line("    max_backup_age: 8760h")
	}
	switch l.set.damage.Kind {
	case cluster.RealListener:
		line("    fake_master: \"zk://%s/nonexistent/mesos\"", l.cluster.ZooKeeper)
	case cluster.WriteTimeout, cluster.ProofLineBefore:
		line("    # Nobody waits for minutes here before the commit is called unknown.")
		line("    proof_wait: 12s")
	}
	line("    schedulers:")
	for _, h := range l.cluster.Hosts {
		line("      - name: %s", h.Name())
		line("        address: %q", h.Address())
		line("        hostname: %q", l.cluster.IP(h))
		line("        http: %q", l.cluster.HTTP(h))
		if l.set.secure {
			line("        https: %q", l.cluster.Front(h))
		}
		line("        config_file: %q", h.Prefix()+host.DefaultFile)
		line("        run_dir: %q", h.Prefix()+"/var/lib/aurorabot")
		switch l.set.supervisor {
		case "runit":
			line("        runtime_dir: /etc/lab-service")
		case "systemd":
			line("        runtime_dir: %q", h.Prefix()+"/run/systemd/system")
		}
	}
	if l.set.terminal {
		line("retention: 1m")
	}
	line("policy:")
	if l.set.terminal {
		line("  os_users:")
		for _, a := range l.accounts() {
			line("    %s", a)
		}
	}
	if l.set.slackless {
		line("  lists: {sre: [ann, bob, cat], leads: [cat, dan]}")
	} else {
		line("  teams: [%s]", script.Team)
		line("  groups: {sre: %s, leads: %s}", script.SRE, script.Leads)
		if l.set.terminal {
			line("  identity_cache: 1h")
		}
	}
	line("  access:")
	if l.set.terminal {
		line("    - {name: leads at the terminal, who: [leads], channels: [cli], clusters: ['*'], may: [read, approve]}")
	}
	line("    - {name: sre, who: [sre], channels: [%s, cli], clusters: ['*'], may: [read, operate, approve]}", script.Incidents)
	line("    - {name: leads, who: [leads], channels: [%s], clusters: ['*'], may: [read, approve]}", script.Incidents)
	line("  gates:")
	line("    start: {factors: [{count: 1, of: [sre]}]}")
	line("    assess: {factors: [{count: 1, of: [sre]}]}")
	line("    commit: {factors: [{count: 1, of: [sre]}, {count: 1, of: [leads]}]}")
	if l.set.cheat == script.Undoes {
		line("    undo: {factors: [{count: 1, of: [sre]}]}")
	}
	return b.String()
}
