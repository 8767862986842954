// Package aurora holds facts of Apache Aurora: what a cluster is made of, the
// flags by version, backup names, /vars, command lines and their answers, and
// the API's calls. Its parsers are pure; what asks a scheduler does so through
// a dialer that it is given.
package aurora

import "time"

// A Cluster is what the operator configured, checked and with its defaults.
type Cluster struct {
	Name       string // What people type: `recover devcluster …`.
	AdminName  string // -cluster_name, as clusters.json names it. Default: Name.
	Version    Version
	Schedulers []Scheduler

	// Adapters, by name.
	Supervisor    string // "systemd", "commands", or a kind of package supervise.
	Unit          string // Of systemd, or the name of the service, program or container. Default "aurora-scheduler".
	Commands      SupervisorCommands
	Configuration string // How its flags are written: a kind of runner/flagfile. Empty: detected.
	Firewall      string // "nft", "iptables", "none".
	Admin         string // "aurora_admin", "api": who acts on the scheduler.

	API          Access // What the schedulers' HTTP servers want.
	AdminPath    string // aurora_admin on the hosts. Default "aurora_admin".
	MesosLogPath string // mesos-log on the hosts. Default "mesos-log".
	RecoveryTool string // recovery-tool on the hosts. Empty: there is none, and no recipe "offline".

	User  string // Whom the scheduler runs as. Default "aurora".
	Group string // Default: User.

	FakeMaster       string // Must be refused on every host. Default "zk://127.0.0.1:2/nonexistent/mesos".
	RegistrationWait string // For -max_registration_delay while disabled. Default "360mins".

	// LogFiles are patterns of the files that schedulers log to, on the hosts;
	// what was rotated lies beside them. Empty: the journal of systemd's unit.
	LogFiles []string

	ZooKeeper    string        // "bot": from the bot; "host": through an SSH forward; "none": there is none. Default "bot".
	SessionLimit time.Duration // ZooKeeper's session timeout of the schedulers. Default 15s.

	ProofWait     time.Duration // How long the next leader may take to show a commit. Default 3m.
	MaxBackupAge  time.Duration // Older ones block a recovery unless a reason is given. Default 26h.
	MaxClockSkew  time.Duration // Between hosts and bot. Default 30s.
	FirewallLease time.Duration // Default 12h.

	// BackupCopies is a folder on the bot with further backups. Empty: none.
	BackupCopies string

	// KeepCopies is how many copies of its newest backups the bot itself keeps
	// there, and KeepFor how old they become. Zero: it keeps none.
	KeepCopies int
	KeepFor    time.Duration

	// MesosTasks says whether the loss preview asks Mesos what runs.
	MesosTasks bool
}

// A Scheduler is one host.
type Scheduler struct {
	Name       string // The name that people read and the journal keeps.
	Hostname   string // As -hostname gives it and ZooKeeper's nodes name it. Default: Name.
	HTTP       string // The scheduler's HTTP address as the host itself sees it, "127.0.0.1:8081".
	HTTPS      string // Where something in front of it speaks TLS. Empty: nothing.
	ConfigFile string // Default "/etc/default/aurora-scheduler".
	RunDir     string // Where runs keep their files on the host. Default "/var/lib/aurorabot".
	RuntimeDir string // Where the supervisor's files lie. Default: of systemd's run-time drop-ins, "/run/systemd/system".
}

// SupervisorCommands are the operator's own commands where the supervisor is
// none that we know. Each is an argument list.
type SupervisorCommands struct {
	Stop, Start     []string
	Disable, Enable []string // Of whatever would start it again.
	IsRunning       []string // Exit status 0: runs; 3: does not; else it can't be told.
	IsEnabled       []string // Exit status 0: would be started again; 1: not; else it can't be told.
}

// Quorum is what -native_log_quorum_size must be: floor(N/2)+1.
func (c *Cluster) Quorum() int { return len(c.Schedulers)/2 + 1 }

// JournalGroup may read the journals of all units, on every host with systemd.
const JournalGroup = "systemd-journal"

// JournalGroup is the group with which the schedulers' logs are read besides that of
// their account, "" if they are no unit's journal.
func (c *Cluster) JournalGroup() string {
	if c.Supervisor != "systemd" || len(c.LogFiles) > 0 {
		return ""
	}
	return JournalGroup
}

// Scheduler returns the scheduler of that name, or nil.
func (c *Cluster) Scheduler(name string) *Scheduler {
	for i := range c.Schedulers {
		if c.Schedulers[i].Name == name {
			return &c.Schedulers[i]
		}
	}
	return nil
}

// ByHostname returns the scheduler that ZooKeeper's nodes call hostname, or nil.
func (c *Cluster) ByHostname(hostname string) *Scheduler {
	for i := range c.Schedulers {
		if c.Schedulers[i].Hostname == hostname {
			return &c.Schedulers[i]
		}
	}
	return nil
}

// Names returns the schedulers' names in the configured order.
func (c *Cluster) Names() []string {
	names := make([]string, len(c.Schedulers))
	for i := range c.Schedulers {
		names[i] = c.Schedulers[i].Name
	}
	return names
}
