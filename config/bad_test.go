package config

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

// least is the smallest configuration.
const least = `state_dir: state
ssh: {key_files: [key], known_hosts: [/etc/ssh/known]}
clusters:
  dev:
    version: 0.22
    schedulers:
      - {name: s1, address: 192.0.2.1}
policy:
  teams: [T1]
  lists: {sre: [UANN, UBOB]}
  access:
    - {name: all, who: [sre], channels: ["*"], clusters: ["*"], may: [admin]}
  gates:
    commit: {factors: [{count: 2, of: [sre]}]}
`

// Every rule on both sides: a change to the smallest configuration that is
// taken, or refused at a path for a reason.
func TestRules(t *testing.T) {
	const s1 = "      - {name: s1, address: 192.0.2.1}\n"
	const version = "    version: 0.22\n"
	const factors = "{factors: [{count: 2, of: [sre]}]}"
	const rule = "    - {name: all, who: [sre], channels: [\"*\"], clusters: [\"*\"], may: [admin]}\n"
	const ssh = "ssh: {key_files: [key], known_hosts: [/etc/ssh/known]}\n"
	cluster := func(line string) [2]string { return [2]string{version, version + "    " + line + "\n"} }
	top := func(line string) [2]string { return [2]string{"policy:\n", line + "\npolicy:\n"} }
	policyLine := func(line string) [2]string { return [2]string{"policy:\n", "policy:\n  " + line + "\n"} }
	more := func(line string) [2]string { return [2]string{rule, rule + "    - " + line + "\n"} }
	for _, tt := range []struct {
		name   string
		change [2]string // What is replaced by what.
		path   string    // Where it is wrong, "" if it is right.
		why    string
	}{
		{"as it is", [2]string{"", ""}, "", ""},
		{"no YAML", [2]string{"state_dir: state", "state_dir: [state"}, "", "no YAML: "},
		{"a tab", [2]string{"  dev:", "\tdev:"}, "", "no YAML: "},
		{"empty", [2]string{least, ""}, "", "it holds nothing"},
		{"comments only", [2]string{least, "# nothing\n"}, "", "it holds nothing"},
		{"null", [2]string{least, "~\n"}, "", "it holds nothing"},
		{"a list", [2]string{least, "- a\n"}, "", "is a list, not a mapping"},
		{"two documents", [2]string{"clusters:", "---\nclusters:"}, "", "it holds 2 documents"},
		{"a drill without schedule", top("drill: {lab: lab}"), "", ""},
		{"drills without a lab", top("drill: {schedules: [{name: d, cron: \"@weekly\", channel: C1}]}"), "drill.schedules", "there is no lab"},
		{"a drill of no cluster", top("drill: {lab: lab, schedules: [{name: d, cron: \"@weekly\", channel: C1, clusters: [other]}]}"), "drill.schedules[0].clusters[0]", "is not known"},
		{"twice", top("state_dir: other"), "state_dir", "is there twice"},
		{"unknown key", top("cluster: {}"), "cluster", "unknown key"},
		{"anchor", [2]string{"state_dir: state", "state_dir: &a state"}, "state_dir", "is an anchor or alias, not text"},
		{"alias", [2]string{"state_dir: state", "listen: &a x\nstate_dir: *a"}, "state_dir", "is an anchor or alias"},
		{"merge key", [2]string{"    version:", "    <<: {a: b}\n    version:"}, "clusters.dev", "merge keys are not read"},
		{"tag", [2]string{"state_dir: state", "state_dir: !!str state"}, "state_dir", "is a tag"},

		{"no state_dir", [2]string{"state_dir: state\n", ""}, "state_dir", "is missing"},
		{"nothing", [2]string{"state_dir: state", "state_dir:"}, "state_dir", "is nothing, not text"},
		{"blank", [2]string{"state_dir: state", "state_dir: ''"}, "state_dir", "is empty"},
		{"blanks", [2]string{"state_dir: state", "state_dir: ' a'"}, "state_dir", "has blanks at its ends"},
		{"control characters", [2]string{"state_dir: state", `state_dir: "a\e[31m"`}, "state_dir", "control characters"},
		{"number", [2]string{"state_dir: state", "state_dir: 12"}, "state_dir", "is a number, not text"},
		{"number in quotes", [2]string{"state_dir: state", "state_dir: '12'"}, "", ""},
		{"home", [2]string{"state_dir: state", "state_dir: ~/x"}, "state_dir", "~ is not expanded"},

		{"api on this machine", top("slack: {api_url: 'http://127.0.0.1:8080/api'}"), "", ""},
		{"api in clear", top("slack: {api_url: 'http://slack.example.com/api/'}"), "slack.api_url", "in clear"},
		{"api without scheme", top("slack: {api_url: slack.com/api}"), "slack.api_url", "is no address"},
		{"links 0", top("slack: {links: 0}"), "slack.links", "out of range"},
		{"links 1", top("slack: {links: 1}"), "", ""},
		{"links 10", top("slack: {links: 10}"), "", ""},
		{"links 11", top("slack: {links: 11}"), "slack.links", "out of range"},
		{"links in words", top("slack: {links: two}"), "slack.links", "is text, not a whole number"},
		{"channel by name", top("slack: {announce: '#ops'}"), "slack.announce", "is none"},

		{"no clusters", [2]string{"clusters:\n  dev:\n" + version + "    schedulers:\n" + s1, ""}, "clusters", "is missing"},
		{"clusters empty", [2]string{"clusters:\n  dev:\n" + version + "    schedulers:\n" + s1, "clusters: {}\n"}, "clusters", "is empty"},
		{"clusters nothing", [2]string{"clusters:\n  dev:\n" + version + "    schedulers:\n" + s1, "clusters:\n"}, "clusters", "is nothing"},
		{"cluster empty", [2]string{"clusters:\n", "clusters:\n  other:\n"}, "clusters.other", "the cluster is empty"},
		{"cluster a list", [2]string{"clusters:\n", "clusters:\n  other: [a]\n"}, "clusters.other", "is a list, not a mapping"},
		{"cluster named like an option", [2]string{"  dev:", "  -dev:"}, `clusters."-dev"`, "is no name"},
		{"cluster named like a path", [2]string{"  dev:", "  a/b:"}, `clusters."a/b"`, "is no name"},
		{"no version", [2]string{version, ""}, "clusters.dev.version", "is missing"},
		{"version 0.6", [2]string{"0.22", "0.6"}, "", ""},
		{"version 0.5", [2]string{"0.22", "0.5"}, "clusters.dev.version", "older than 0.6"},
		{"version in words", [2]string{"0.22", "latest"}, "clusters.dev.version", `version "latest"`},
		{"version 0.10 is not 0.1", [2]string{"0.22", "0.10"}, "", ""},
		{"recipe offline", cluster("recipe: offline"), "", ""},
		{"recipe offline too early", [2]string{version, "    version: 0.20.0\n    recipe: offline\n"}, "clusters.dev.recipe", "has no recipe"},
		{"recipe unknown", cluster("recipe: quick"), "clusters.dev.recipe", "has no recipe"},

		{"no schedulers", [2]string{"    schedulers:\n" + s1, ""}, "clusters.dev.schedulers", "is missing"},
		{"schedulers empty", [2]string{"    schedulers:\n" + s1, "    schedulers: []\n"}, "clusters.dev.schedulers", "0 schedulers"},
		{"schedulers a mapping", [2]string{"    schedulers:\n" + s1, "    schedulers: {a: b}\n"}, "clusters.dev.schedulers", "is a mapping, not a list"},
		{"2 schedulers", [2]string{s1, s1 + "      - {name: s2, address: 192.0.2.2}\n"}, "clusters.dev.schedulers", "2 schedulers"},
		{"3 schedulers", [2]string{s1, s1 + "      - {name: s2, address: 192.0.2.2}\n      - {name: s3, address: 192.0.2.3}\n"}, "", ""},
		{"same address", [2]string{s1, s1 + "      - {name: s2, address: 192.0.2.2}\n      - {name: s3, address: '192.0.2.1:22'}\n"}, "clusters.dev.schedulers[2].address", "is the address of dev/s1"},
		{"same address, other port", [2]string{s1, s1 + "      - {name: s2, address: 192.0.2.2}\n      - {name: s3, address: '192.0.2.1:23'}\n"}, "", ""},
		{"copies in a folder of its own", [2]string{"clusters:\n  dev:\n", "clusters:\n  a: {version: 0.22, schedulers: [{name: x, address: 192.0.2.9}], backup_copies: one, keep_backups: {count: 2}}\n  dev:\n    backup_copies: two\n    keep_backups: {count: 2}\n"}, "", ""},
		{"copies of two in one folder", [2]string{"clusters:\n  dev:\n", "clusters:\n  a: {version: 0.22, schedulers: [{name: x, address: 192.0.2.9}], backup_copies: one}\n  dev:\n    backup_copies: one\n    keep_backups: {count: 2}\n"}, "clusters.dev.backup_copies", "cluster a has the same folder"},
		{"copies of the other are kept", [2]string{"clusters:\n  dev:\n", "clusters:\n  a: {version: 0.22, schedulers: [{name: x, address: 192.0.2.9}], backup_copies: one, keep_backups: {count: 2}}\n  dev:\n    backup_copies: one\n"}, "clusters.dev.backup_copies", "cluster a has the same folder"},
		{"one archive of two", [2]string{"clusters:\n  dev:\n", "clusters:\n  a: {version: 0.22, schedulers: [{name: x, address: 192.0.2.9}], backup_copies: one}\n  dev:\n    backup_copies: one\n"}, "", ""},
		{"same address in another cluster", [2]string{"clusters:\n", "clusters:\n  a: {version: 0.22, schedulers: [{name: x, address: 192.0.2.1}]}\n"}, "clusters.dev.schedulers[0].address", "is the address of a/x"},
		{"same name", [2]string{s1, s1 + "      - {name: s2, address: 192.0.2.2}\n      - {name: s1, address: 192.0.2.3}\n"}, "clusters.dev.schedulers[2].name", "is there twice"},
		{"same hostname", [2]string{s1, s1 + "      - {name: s2, address: 192.0.2.2}\n      - {name: s3, address: 192.0.2.3, hostname: s2}\n"}, "clusters.dev.schedulers[2].hostname", "is the hostname of s2"},
		{"no name", [2]string{"name: s1, ", ""}, "clusters.dev.schedulers[0].name", "is missing"},
		{"no address", [2]string{", address: 192.0.2.1", ""}, "clusters.dev.schedulers[0].address", "is missing"},
		{"address with a user", [2]string{"192.0.2.1", "root@192.0.2.1"}, "clusters.dev.schedulers[0].address", "is no host and port"},
		{"address like an option", [2]string{"192.0.2.1", "-oProxyCommand=x"}, "clusters.dev.schedulers[0].address", "is no host and port"},
		{"port 0", [2]string{"192.0.2.1", "'192.0.2.1:0'"}, "clusters.dev.schedulers[0].address", "is no port"},
		{"port 65535", [2]string{"192.0.2.1", "'192.0.2.1:65535'"}, "", ""},
		{"port 65536", [2]string{"192.0.2.1", "'192.0.2.1:65536'"}, "clusters.dev.schedulers[0].address", "is no port"},
		{"IPv6", [2]string{"192.0.2.1", "'[2001:db8::1]:22'"}, "", ""},
		{"IPv6 without port", [2]string{"192.0.2.1", "'[2001:db8::1]'"}, "", ""},
		{"http without port", [2]string{"192.0.2.1}", "192.0.2.1, http: 127.0.0.1}"}, "clusters.dev.schedulers[0].http", "is no host and port"},
		{"relative path on a host", [2]string{"192.0.2.1}", "192.0.2.1, run_dir: run}"}, "clusters.dev.schedulers[0].run_dir", "is no whole path"},
		{"path with ..", [2]string{"192.0.2.1}", "192.0.2.1, config_file: /etc/../x}"}, "clusters.dev.schedulers[0].config_file", "is no whole path"},
		{"home on a host", [2]string{"192.0.2.1}", "192.0.2.1, runtime_dir: ~/x}"}, "clusters.dev.schedulers[0].runtime_dir", "~ is not expanded"},

		{"nothing to log in with", [2]string{"key_files: [key], ", ""}, "ssh.key_files", "nothing to log in with"},
		{"agent", [2]string{"key_files: [key]", "agent: true"}, "", ""},
		{"agent in quotes", [2]string{"key_files: [key]", "agent: 'true'"}, "ssh.agent", "is text, not true or false"},
		{"no known hosts", [2]string{", known_hosts: [/etc/ssh/known]", ""}, "ssh.known_hosts", "is missing"},
		{"known hosts of the cluster", [2]string{ssh, "ssh: {key_files: [key]}\n"}, "ssh.known_hosts", "is missing"},
		{"no ssh", [2]string{ssh, ""}, "ssh.known_hosts", "is missing"},
		{"no key files", [2]string{"[key]", "[]"}, "ssh.key_files", "is an empty list"},
		{"one key file as text", [2]string{"[key]", "key"}, "ssh.key_files", "is text, not a list"},
		{"doas", [2]string{"{key_files", "{sudo: [doas], key_files"}, "", ""},
		{"sudo that asks", [2]string{"{key_files", "{sudo: [sudo], key_files"}, "ssh.sudo", "asks for a password"},
		{"timeout without unit", [2]string{"{key_files", "{connect_timeout: 10, key_files"}, "ssh.connect_timeout", "is a number, not a duration"},
		{"timeout 1s", [2]string{"{key_files", "{connect_timeout: 1s, key_files"}, "", ""},
		{"timeout 999ms", [2]string{"{key_files", "{connect_timeout: 999ms, key_files"}, "ssh.connect_timeout", "out of range"},

		{"supervisor unknown", cluster("supervisor: {kind: systmd}"), "clusters.dev.supervisor.kind", "is not known"},
		{"a program of supervisord", cluster("supervisor: {kind: supervisord, unit: aurora}"), "", ""},
		{"a group of supervisord", cluster("supervisor: {kind: supervisord, unit: 'all:aurora'}"), "clusters.dev.supervisor.unit", "is none"},
		{"a folder of runit", cluster("supervisor: {kind: runit, unit: ../aurora}"), "clusters.dev.supervisor.unit", "is none"},
		{"a command of docker", cluster("supervisor: {kind: docker, stop: [a]}"), "clusters.dev.supervisor.stop", "not to docker"},
		{"unit with suffix", cluster("supervisor: {unit: aurora.service}"), "clusters.dev.supervisor.unit", "is no unit's name"},
		{"unit like an option", cluster("supervisor: {unit: --now}"), "clusters.dev.supervisor.unit", "is no unit's name"},
		{"unit of commands", cluster("supervisor: {kind: commands, unit: a, stop: [a], start: [a], disable: [a], enable: [a], is_running: [a], is_enabled: [a]}"), "clusters.dev.supervisor.unit", "belongs to kind systemd"},
		{"commands", cluster("supervisor: {kind: commands, stop: [a], start: [a], disable: [a], enable: [a], is_running: [a], is_enabled: [a]}"), "", ""},
		{"one command missing", cluster("supervisor: {kind: commands, stop: [a], start: [a], disable: [a], enable: [a], is_running: [a]}"), "clusters.dev.supervisor.is_enabled", "is missing"},
		{"a command as text", cluster("supervisor: {kind: commands, stop: a b, start: [a], disable: [a], enable: [a], is_running: [a], is_enabled: [a]}"), "clusters.dev.supervisor.stop", "is text, not a list"},
		{"an empty command", cluster("supervisor: {kind: commands, stop: [], start: [a], disable: [a], enable: [a], is_running: [a], is_enabled: [a]}"), "clusters.dev.supervisor.stop", "is an empty list"},
		{"a command of systemd", cluster("supervisor: {stop: [a]}"), "clusters.dev.supervisor.stop", "belongs to kind commands"},
		{"configuration detected", cluster("configuration: {kind: detected}"), "", ""},
		{"configuration a unit", cluster("configuration: {kind: systemd, path: /etc/systemd/system/aurora-scheduler.service}"), "", ""},
		{"configuration unknown", cluster("configuration: {kind: monit}"), "clusters.dev.configuration.kind", "is not known"},
		{"firewall none", cluster("firewall: none"), "", ""},
		{"firewall unknown", cluster("firewall: nftables"), "clusters.dev.firewall", "is not known"},
		{"admin unknown", cluster("admin: shell"), "clusters.dev.admin", "is not known"},
		{"program with blanks", cluster("aurora_admin: aurora_admin --x"), "clusters.dev.aurora_admin", "is no program"},
		{"program like an option", cluster("mesos_log: -x"), "clusters.dev.mesos_log", "is no program"},
		{"program relative", cluster("mesos_log: bin/mesos-log"), "clusters.dev.mesos_log", "is no whole path"},
		{"user with blanks", cluster("user: a b"), "clusters.dev.user", "is no account"},
		{"zookeeper unknown", cluster("zookeeper: zk"), "clusters.dev.zookeeper", "is not known"},
		{"mesos_tasks in words", cluster("mesos_tasks: maybe"), "clusters.dev.mesos_tasks", "not true or false"},

		{"fake master", cluster("fake_master: 'zk://127.0.0.9:2/none'"), "", ""},
		{"fake master IPv6", cluster("fake_master: 'zk://[::1]:2/none'"), "", ""},
		{"fake master by name", cluster("fake_master: 'zk://localhost:2/none'"), "clusters.dev.fake_master", "needs a name server"},
		{"fake master without port", cluster("fake_master: 'zk://127.0.0.1/none'"), "clusters.dev.fake_master", "has no port"},
		{"fake master without path", cluster("fake_master: 'zk://127.0.0.1:2'"), "clusters.dev.fake_master", "has no path"},
		{"fake master of http", cluster("fake_master: 'http://127.0.0.1:2/none'"), "clusters.dev.fake_master", "is no ZooKeeper address"},
		{"fake masters", cluster("fake_master: 'zk://127.0.0.1:2,127.0.0.1:3/none'"), "clusters.dev.fake_master", ""},

		{"wait 60mins", cluster("registration_wait: 60mins"), "", ""},
		{"wait 59mins", cluster("registration_wait: 59mins"), "clusters.dev.registration_wait", "is too short"},
		{"wait 1h", cluster("registration_wait: 1h"), "", ""},
		{"wait 59m59s", cluster("registration_wait: 59m59s"), "clusters.dev.registration_wait", "is too short"},
		{"wait 2h0.5s", cluster("registration_wait: 2h0m0.5s"), "clusters.dev.registration_wait", "whole number of seconds"},
		{"wait without unit", cluster("registration_wait: '360'"), "clusters.dev.registration_wait", "is no duration"},
		{"wait 360min, as the old page says", cluster("registration_wait: 360min"), "clusters.dev.registration_wait", "is no duration"},
		{"Aurora's form elsewhere", cluster("max_backup_age: 360mins"), "clusters.dev.max_backup_age", "is no duration"},
		{"age negative", cluster("max_backup_age: -1h"), "clusters.dev.max_backup_age", "out of range"},
		{"lease 30m", cluster("firewall_lease: 30m"), "", ""},
		{"lease 29m", cluster("firewall_lease: 29m"), "clusters.dev.firewall_lease", "out of range"},

		{"no policy", [2]string{least[strings.Index(least, "policy:"):], ""}, "policy", "is missing"},
		{"no teams", [2]string{"  teams: [T1]\n", ""}, "policy.teams", "is missing"},
		{"team by name", [2]string{"[T1]", "[acme]"}, "policy.teams[0]", "is none"},
		{"user by name", [2]string{"UANN, UBOB", "UANN, UBOB, ann"}, "policy.lists.sre[2]", "is none"},
		{"user twice", [2]string{"UANN, UBOB", "UANN, UBOB, UANN"}, "policy.lists.sre[2]", "is there twice"},
		{"list empty", [2]string{"{sre: [UANN, UBOB]}", "{sre: [UANN, UBOB], x: []}"}, "policy.lists.x", "is an empty list"},
		{"list named like a user", [2]string{"{sre: [UANN, UBOB]}", "{sre: [UANN, UBOB], UCAT: [UANN]}"}, "policy.lists.UCAT", "is no name"},
		{"list and group of one name", policyLine("groups: {sre: S1}"), "policy.groups.sre", "is called"},
		{"group by name", policyLine("groups: {oncall: oncall}"), "policy.groups.oncall", "is none"},
		{"nobody", [2]string{rule, "    []\n"}, "policy.access", "nobody may do anything"},
		{"only denied", [2]string{"may: [admin]}", "may: [admin], deny: true}"}, "policy.access", "nobody may do anything"},
		{"no access", [2]string{"  access:\n" + rule, ""}, "policy.access", "is missing"},
		{"rule for nobody known", more("{name: x, who: [sr], channels: ['*'], clusters: ['*'], may: [read]}"), "policy.access[1].who[0]", "is not known"},
		{"rule for a user", more("{name: x, who: [UZOE], channels: ['*'], clusters: ['*'], may: [read]}"), "", ""},
		{"rule without who", more("{name: x, channels: ['*'], clusters: ['*'], may: [read]}"), "policy.access[1].who", "is missing"},
		{"rule without name", more("{who: [sre], channels: ['*'], clusters: ['*'], may: [read]}"), "policy.access[1].name", "is missing"},
		{"rules of one name", more("{name: all, who: [sre], channels: ['*'], clusters: ['*'], may: [read]}"), "policy.access[1].name", "is there twice"},
		{"rule for a channel by name", more("{name: x, who: [sre], channels: ['#ops'], clusters: ['*'], may: [read]}"), "policy.access[1].channels[0]", "is not known"},
		{"rule for the command line", more("{name: x, who: [sre], channels: [cli, dm, C1], clusters: [dev], may: [read]}"), "", ""},
		{"rule for an unknown cluster", more("{name: x, who: [sre], channels: ['*'], clusters: [prod], may: [read]}"), "policy.access[1].clusters[0]", "is not known"},
		{"unknown permission", more("{name: x, who: [sre], channels: ['*'], clusters: ['*'], may: [aprove]}"), "policy.access[1].may[0]", "is not known"},
		{"all permissions", more("{name: x, who: [sre], channels: ['*'], clusters: ['*'], may: ['*']}"), "policy.access[1].may[0]", "is not known"},
		{"all permissions denied", more("{name: x, who: [UZOE], channels: ['*'], clusters: ['*'], may: ['*'], deny: true}"), "", ""},

		{"no gates", [2]string{"  gates:\n    commit: " + factors + "\n", ""}, "policy.gates", "is missing"},
		{"no commit gate", [2]string{"    commit: ", "    start: "}, "policy.gates.commit", "is missing"},
		{"unknown gate", [2]string{"    commit: ", "    restore: " + factors + "\n    commit: "}, "policy.gates.restore", "unknown key"},
		{"commit by one", [2]string{"count: 2", "count: 1"}, "policy.gates.commit.factors", "at least two different people"},
		{"commit by one of each", [2]string{"[{count: 2, of: [sre]}]", "[{count: 1, of: [UANN]}, {count: 1, of: [sre]}]"}, "", ""},
		{"commit by the same of each", [2]string{"[{count: 2, of: [sre]}]", "[{count: 1, of: [UANN]}, {count: 1, of: [UANN]}]"}, "policy.gates.commit.factors", "can never open"},
		{"commit that only some can't open", [2]string{"[{count: 2, of: [sre]}]", "[{count: 1, of: [UANN]}, {count: 1, of: [UANN]}, {count: 1, of: [sre]}]"}, "policy.gates.commit.factors", "needs 2 different people, and there are 1"},
		{"commit by more than there are", [2]string{"count: 2", "count: 3"}, "policy.gates.commit.factors", "can never open"},
		{"commit by everybody", [2]string{"{count: 2, of: [sre]}", "{count: 3, of: ['*']}"}, "", ""},
		{"commit by nobody", [2]string{"[{count: 2, of: [sre]}]", "[]"}, "policy.gates.commit.factors", "needs nobody's consent"},
		{"commit by count 0", [2]string{"count: 2", "count: 0"}, "policy.gates.commit.factors[0].count", "out of range"},
		{"factor of unknown people", [2]string{"of: [sre]", "of: [ops]"}, "policy.gates.commit.factors[0].of[0]", "is not known"},
		{"factor without count", [2]string{"count: 2, ", ""}, "policy.gates.commit.factors[0].count", "is missing"},
		{"gate without factors", [2]string{factors, "{expires: 30m}"}, "policy.gates.commit.factors", "is missing"},
		{"start by one", [2]string{"    commit: ", "    start: {factors: [{count: 1, of: [sre]}]}\n    commit: "}, "", ""},
		{"start by nobody", [2]string{"    commit: ", "    start: {factors: []}\n    commit: "}, "policy.gates.start.factors", "needs nobody's consent"},
		{"expires 24h", [2]string{"{factors", "{expires: 24h, factors"}, "", ""},
		{"expires 24h1s", [2]string{"{factors", "{expires: 24h1s, factors"}, "policy.gates.commit.expires", "out of range"},
		{"expires 1m", [2]string{"{factors", "{expires: 1m, factors"}, "", ""},
		{"expires 59s", [2]string{"{factors", "{expires: 59s, factors"}, "policy.gates.commit.expires", "out of range"},
		{"remind never", [2]string{"{factors", "{remind: [], factors"}, "", ""},
		{"remind twice", [2]string{"{factors", "{remind: [10m, 5m], factors"}, "", ""},
		{"remind after 59s", [2]string{"{factors", "{remind: [59s], factors"}, "policy.gates.commit.remind[0]", "out of range"},
		{"remind is no list", [2]string{"{factors", "{remind: 5m, factors"}, "policy.gates.commit.remind", "a list"},
		{"os user", policyLine("os_users: {ann: T1/UANN}"), "", ""},
		{"os user of another team", policyLine("os_users: {ann: T2/UANN}"), "policy.os_users.ann", "is none of our teams"},
		{"os user without team", policyLine("os_users: {ann: UANN}"), "policy.os_users.ann", "is none"},

		{"report", top("reports: [{name: r, cron: '@daily', channel: C1}]"), "", ""},
		{"report of an unknown cluster", top("reports: [{name: r, cron: '@daily', channel: C1, clusters: [prod]}]"), "reports[0].clusters[0]", "is not known"},
		{"report without channel", top("reports: [{name: r, cron: '@daily'}]"), "reports[0].channel", "is missing"},
		{"report without name", top("reports: [{cron: '@daily', channel: C1}]"), "reports[0].name", "is missing"},
		{"reports of one name", top("reports: [{name: r, cron: '@daily', channel: C1}, {name: r, cron: '@daily', channel: C1}]"), "reports[1].name", "is there twice"},
		{"cron of four fields", top("reports: [{name: r, cron: '0 8 * *', channel: C1}]"), "reports[0].cron", "expected exactly 5 fields"},
		{"cron at 23", top("reports: [{name: r, cron: '0 23 * * *', channel: C1}]"), "", ""},
		{"cron at 24", top("reports: [{name: r, cron: '0 24 * * *', channel: C1}]"), "reports[0].cron", "above maximum"},
		{"cron on day 7, which is Sunday", top("reports: [{name: r, cron: '0 8 * * 7', channel: C1}]"), "", ""},
		{"cron on day 8", top("reports: [{name: r, cron: '0 8 * * 8', channel: C1}]"), "reports[0].cron", "above maximum"},
		{"cron every second", top("reports: [{name: r, cron: '@every 1s', channel: C1}]"), "reports[0].cron", "more often than once in 1m0s"},
		{"cron every 0 s", top("reports: [{name: r, cron: '@every 0s', channel: C1}]"), "reports[0].cron", "more often than once in 1m0s"},
		{"cron every minute", top("reports: [{name: r, cron: '@every 1m', channel: C1}]"), "", ""},
		{"cron that never comes", top("reports: [{name: r, cron: '0 0 30 2 *', channel: C1}]"), "reports[0].cron", "never comes"},
		{"cron with a zone", top("reports: [{name: r, cron: 'CRON_TZ=UTC 0 8 * * *', channel: C1}]"), "reports[0].cron", "does not belong into the times"},
		{"zone unknown", top("reports: [{name: r, cron: '@daily', channel: C1, zone: Europe/Berln}]"), "reports[0].zone", "is no time zone"},
		{"zone Local", top("reports: [{name: r, cron: '@daily', channel: C1, zone: Local}]"), "reports[0].zone", "is no time zone"},

		{"helper", top("helpers: {amd64: ./x}"), "", ""},
		{"helper as uname has it", top("helpers: {x86_64: ./x}"), "helpers.x86_64", "no program of ours"},
		{"listen", top("listen: 127.0.0.1:0"), "", ""},
		{"listen on a port", top("listen: '9095'"), "listen", "is no host and port"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if !strings.Contains(least, tt.change[0]) {
				t.Fatalf("the smallest configuration has no %q", tt.change[0])
			}
			text := least
			if tt.change[0] != "" {
				text = strings.Replace(least, tt.change[0], tt.change[1], 1)
			}
			_, err := Parse("c.yaml", []byte(text), empty)
			if tt.path == "" && tt.why == "" {
				if err != nil {
					t.Errorf("Parse = %v, want none", err)
				}
				return
			}
			for _, e := range all(err) {
				if e.Path == tt.path && strings.Contains(e.Why, tt.why) {
					if e.Hint == "" || e.Line == 0 && !strings.HasPrefix(e.Why, "it holds") {
						t.Errorf("no hint or no place: %v", e)
					}
					return
				}
			}
			t.Errorf("Parse = %v\nwant %s: …%s…", err, tt.path, tt.why)
		})
	}
}

// A file that would take the parser minutes is refused at once; one as deep as
// is allowed is not.
func TestTooMuch(t *testing.T) {
	nested := func(n int) string { return "a: " + strings.Repeat("[", n) + strings.Repeat("]", n) + "\n" }
	for _, tt := range []struct{ name, text, why string }{
		{"brackets", strings.Repeat("[", 40_000), "more than 50 brackets"},
		{"50 brackets", nested(50), `unknown key "a"`},
		{"51 brackets", nested(51), "line 1: more than 50 brackets"},
		{"lines", strings.Repeat("a: b\n", 30_000), "words and signs"},
		{"bytes", strings.Repeat("#", maxFile), "it holds nothing"},
		{"more bytes", strings.Repeat("#", maxFile+1), "more than 262144"},
	} {
		begin := time.Now()
		_, err := Parse("c.yaml", []byte(tt.text), empty)
		if err == nil || !strings.Contains(err.Error(), tt.why) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.why)
		}
		if took := time.Since(begin); took > 10*time.Second {
			t.Errorf("%s took %s", tt.name, took)
		}
	}
}

// all is the errors that Parse joined.
func all(err error) []*Error {
	var out []*Error
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return nil
	}
	for _, e := range joined.Unwrap() {
		var one *Error
		if errors.As(e, &one) {
			out = append(out, one)
		}
	}
	return out
}

// What the operator types never ends the program, whatever it is, and what is
// refused is refused with a reason.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(least))
	f.Add(Example)
	f.Add([]byte("a: &x [*x]"))
	f.Add([]byte("clusters: {a: {schedulers: [{}, null, 1]}}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		late := time.AfterFunc(10*time.Second, func() { panic(fmt.Sprintf("still at %q", text)) })
		defer late.Stop()
		c, err := Parse("c.yaml", text, empty)
		if (c == nil) == (err == nil) {
			t.Errorf("Parse = %v, %v", c, err)
		}
	})
}
