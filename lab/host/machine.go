package host

// A Machine is a host of the lab, embedded or real: what the lab does to it
// behind the bot's back.
type Machine interface {
	Name() string
	Address() string                  // "ip:port" of its SSH server.
	KnownHosts() string               // Its line of a known_hosts file.
	Prefix() string                   // What goes before absolute paths on the host: the root of an embedded one, nothing on a real one.
	Path(onHost string) string        // Where this process finds a file of the host, given without Prefix.
	Processes() []int                 // IDs of all its processes, as this process sees them.
	InstallScheduler(Scheduler) error // Files as Debian's package has them, unit enabled and not started.

	Boot() error   // Starts enabled units, if that was not done yet.
	Reboot() error // Pulls the plug, then boots.
	Down()         // Cuts it off from the network.
	Up() error     // Takes Down back.
	Cut()          // Ends its open SSH connections.

	ChangeHostKey() error
	AskPassword(on bool) error      // Whether sudo asks for a password.
	Sudoers(text string) error      // What the login account may do from now on, as sudoers(5); before, everything.
	FullDisk(paths ...string) error // No more room below these paths (of [Machine.Path]); none: there is room again.
	Close() error                   // Ends all processes of the host and takes it away.
}

var (
	_ Machine = (*Host)(nil)
	_ Machine = (*Real)(nil)
)

// Prefix is part of [Machine].
func (h *Host) Prefix() string { return h.opt.Root }
