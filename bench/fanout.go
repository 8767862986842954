package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// fanOut compares one round over n hosts with what else can do it: Ansible,
// clush, and ssh over kept connections.
func fanOut(args []string) error {
	f := flag.NewFlagSet("fanout", flag.ContinueOnError)
	n := f.Int("n", 5, "hosts")
	runs := f.Int("runs", 5, "runs of each")
	bot := f.String("aurorabot", "", "our `program`")
	self := f.String("bench", "", "this `program`")
	if err := f.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ab") // Short: a control socket's path has at most 108 bytes.
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	farm, err := newFarm(dir, *n)
	if err != nil {
		return err
	}
	defer farm.close()
	b := &fanBench{farm: farm, runs: *runs, bot: *bot, self: *self}
	err = b.round()
	_ = b.masters("exit") // Those that did not come up need no end.
	if err != nil {
		return err
	}
	if err := b.questions(); err != nil {
		return err
	}
	return b.upload()
}

type fanBench struct {
	*farm
	runs      int
	bot, self string
}

// manyQuestions are what a phase asks a host.
const manyQuestions = 20

// more is how many rounds the warm figure is taken from.
const more = 10

func (b *fanBench) ask(name string, args ...string) *program {
	argv := append([]string{b.self, "ask", "-farm", b.dir, "-port", fmt.Sprint(b.port), "-user", b.user}, args...)
	return &program{name: name, argv: argv, says: fmt.Sprintf("%d answered", len(b.names))}
}

func (b *fanBench) round() error {
	cold, warm := b.ask("aurorabot's transport, cold"), b.ask("", "-times", fmt.Sprint(1+more))
	programs := []*program{cold}
	loop := &program{
		name: "ssh in a loop, over kept connections (ControlMaster)", says: "ok",
		argv: []string{"sh", "-ec", `for h in $(cat "$0"); do ssh -F "$1" -o ControlPath="$2" -o ControlMaster=no "$h" echo ok; done`, b.hosts(), b.sshConfig(), b.socket()},
	}
	all := fmt.Sprintf(`xargs -P %d -I{} ssh -F "$1" -o ControlPath="$2" -o ControlMaster=no {} echo ok <"$0"`, len(b.names))
	parallel := &program{name: "  the same, all at once (xargs -P)", says: "ok", argv: []string{"sh", "-ec", all, b.hosts(), b.sshConfig(), b.socket()}}
	if err := b.masters(""); err != nil {
		return err
	}
	var raw, command *program
	if b.there("ansible", "ansible-core") {
		raw, command = b.ansible("raw"), b.ansible("command")
		programs = append(programs, raw, command)
	}
	if b.there("clush", "clustershell") {
		programs = append(programs, &program{
			name: "clush, cold", says: "ok",
			argv: []string{"clush", "--hostfile", b.hosts(), "-f", fmt.Sprint(len(b.names)), "-o", "-F " + b.sshConfig(), "-l", b.user, "echo ok"},
		})
	}
	measured := append(append([]*program{}, programs...), warm, loop, parallel)
	for range b.runs {
		for _, p := range measured {
			if err := p.run(); err != nil {
				return err
			}
			if p == raw || p == command {
				b.forget()
			}
		}
	}
	again := marginal(cold, warm)
	table(fmt.Sprintf("One command on %d hosts (OpenSSH's server)", len(b.names)), append(programs, again, loop, parallel))
	if raw != nil {
		goal("cold, times as fast as ansible -m raw", ratio(raw.wall, cold.wall), 2, true)
		goal("cold, times as fast as ansible -m command", ratio(command.wall, cold.wall), 10, true)
	}
	goal("warm, times as fast as the loop", ratio(loop.wall, again.wall), 1, true)
	figure("  as ssh all at once", ratio(parallel.wall, again.wall))
	fmt.Println()
	return nil
}

// marginal is what one more round costs: the difference of two processes, one
// with more rounds than the other.
func marginal(cold, warm *program) *program {
	p := &program{name: "aurorabot's transport, warm (one more round)", peak: warm.peak}
	p.wall = []time.Duration{max(median(warm.wall)-median(cold.wall), 0) / more}
	p.cpu = []time.Duration{max(median(warm.cpu)-median(cold.cpu), 0) / more}
	return p
}

// questions compares asking a host twenty things in twenty sessions with asking
// the helper all of them in one.
func (b *fanBench) questions() error {
	many := fmt.Sprint(manyQuestions)
	one := b.ask("a session for each of 20 questions", "-questions", many, "-times", "5")
	none := b.ask("", "-questions", many, "-times", "1")
	once := b.ask("the helper, all 20 in one session", "-questions", many, "-times", "5", "-helper", b.bot)
	first := b.ask("", "-questions", many, "-times", "1", "-helper", b.bot)
	servers := map[*program]time.Duration{}
	for range b.runs {
		for _, p := range []*program{one, none, once, first} {
			before, err := b.cpu()
			if err != nil {
				return err
			}
			if err := p.run(); err != nil {
				return err
			}
			after, err := b.cpu()
			if err != nil {
				return err
			}
			servers[p] += after - before
		}
	}
	fmt.Printf("Twenty questions to each of %d hosts, per round (connections warm)\n", len(b.names))
	each := func(more, less *program) (wall, cpu time.Duration) {
		return (median(more.wall) - median(less.wall)) / 4, (servers[more] - servers[less]) / time.Duration(4*b.runs)
	}
	oneWall, oneCPU := each(one, none)
	onceWall, onceCPU := each(once, first)
	fmt.Printf("  %-52s %8s %14s\n", "", "wall", "CPU of hosts")
	fmt.Printf("  %-52s %7.3fs %13.3fs\n", one.name, oneWall.Seconds(), oneCPU.Seconds())
	fmt.Printf("  %-52s %7.3fs %13.3fs\n", once.name, onceWall.Seconds(), onceCPU.Seconds())
	goal("processor time of the hosts, times less", float64(oneCPU)/float64(max(onceCPU, 1)), 10, true)
	figure("  time, times less", float64(oneWall)/float64(max(onceWall, 1)))
	fmt.Println()
	return nil
}

// upload compares an upload that is proved with scp and a hash on both sides.
func (b *fanBench) upload() error {
	big := filepath.Join(b.dir, "big")
	if out, err := exec.Command("sh", "-c", `head -c 100000000 /dev/urandom >"$0"`, big).CombinedOutput(); err != nil {
		return fmt.Errorf("make a file: %w: %s", err, out)
	}
	// One host: the disk and the hash are what counts, not the fan-out.
	hosts := filepath.Join(b.dir, "hosts")
	if err := os.WriteFile(hosts, []byte(b.names[0]+"\n"), 0o600); err != nil {
		return err
	}
	one := &fanBench{farm: &farm{dir: b.dir, user: b.user, port: b.port, names: b.names[:1], servers: b.servers}, runs: b.runs, bot: b.bot, self: b.self}
	ours := one.ask("aurorabot's upload, proved", "-upload", big)
	script := `
want=$(sha256sum <"$0" | cut -c1-64)
scp -q -F "$1" "$0" "$2:$3.part"
have=$(ssh -F "$1" "$2" "sync '$3.part'; sha256sum <'$3.part'" | cut -c1-64)
test "$want" = "$have"
ssh -F "$1" "$2" "mv '$3.part' '$3'" && echo "$have"`
	scp := &program{name: "scp, sync, sha256sum on both sides, mv", says: "", argv: []string{"sh", "-ec", script, big, b.sshConfig(), b.names[0], filepath.Join(b.dir, "scp-copy")}}
	for range b.runs {
		for _, p := range []*program{ours, scp} {
			if err := p.run(); err != nil {
				return err
			}
		}
	}
	table("A file of 100 MB to one host", []*program{ours, scp})
	goal("time, times that of scp", ratio(ours.wall, scp.wall), 1.1, false)
	fmt.Println()
	return nil
}

func (b *fanBench) socket() string { return filepath.Join(b.dir, "cm-%h") }

// masters opens the kept connections of the loop, or sends them a command ("exit").
func (b *fanBench) masters(command string) error {
	for _, name := range b.names {
		argv := []string{"-F", b.sshConfig(), "-o", "ControlPath=" + b.socket()}
		if command != "" {
			argv = append(argv, "-O", command, name)
		} else {
			argv = append(argv, "-o", "ControlMaster=yes", "-o", "ControlPersist=600", "-fN", name)
		}
		if out, err := exec.Command("ssh", argv...).CombinedOutput(); err != nil && command == "" {
			return fmt.Errorf("keep a connection to %s: %w: %s", name, err, out)
		}
	}
	return nil
}

// ansible is one ad-hoc command with Ansible's own defaults but for the number
// of forks, which is that of the hosts.
func (b *fanBench) ansible(module string) *program {
	inventory := filepath.Join(b.dir, "inventory")
	var text strings.Builder
	for _, name := range b.names {
		fmt.Fprintf(&text, "%s ansible_port=%d ansible_user=%s ansible_ssh_private_key_file=%s ansible_ssh_common_args='-o UserKnownHostsFile=%s' ansible_python_interpreter=/usr/bin/python3\n",
			name, b.port, b.user, b.key(), b.knownHosts())
	}
	_ = os.WriteFile(inventory, []byte(text.String()), 0o600) // Without it Ansible says so.
	return &program{
		name: "ansible -m " + module + ", cold", says: "ok",
		argv: []string{"env", "ANSIBLE_SSH_CONTROL_PATH_DIR=" + filepath.Join(b.dir, "cp"), "ANSIBLE_LOCAL_TEMP=" + filepath.Join(b.dir, "tmp"),
			"ansible", "all", "-i", inventory, "-f", fmt.Sprint(len(b.names)), "-m", module, "-a", "echo ok"},
	}
}

// forget ends the connections that Ansible keeps: the next run shall be cold.
func (b *fanBench) forget() {
	sockets, _ := filepath.Glob(filepath.Join(b.dir, "cp", "*"))
	for _, s := range sockets {
		_ = exec.Command("ssh", "-o", "ControlPath="+s, "-O", "exit", "any").Run() // Gone already is as good.
	}
}

// there reports whether a peer is installed, and says when it is left out.
func (b *fanBench) there(name, pkg string) bool {
	if _, err := exec.LookPath(name); err != nil {
		fmt.Printf("%s: LEFT OUT (apt-get install %s)\n", strings.ToUpper(name), pkg)
		return false
	}
	return true
}
