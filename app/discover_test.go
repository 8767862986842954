package app

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"aurorabot/config"
	"aurorabot/handlers"
	discovery "aurorabot/runner/discover"
	"aurorabot/runner/runnertest"
)

// rest is what a configuration needs beside its clusters.
const rest = `
state_dir: state
slack: {}
policy:
  teams: [T00000000]
  lists: {sre: [U0000ANN, U0000BOB]}
  access:
    - {name: all, who: [sre], channels: ["*"], clusters: ["*"], may: [admin]}
  gates:
    commit: {factors: [{count: 2, of: [sre]}]}
`

// What discover prints is a configuration once the rest is there, also where a
// name would mean something else in YAML.
func TestDiscoveredLoads(t *testing.T) {
	d := &discovery.Discovery{
		Cluster: "west", Version: "0.22.0-SNAPSHOT", Hostname: "no", HTTP: "127.0.0.1:8081", User: "aurora", Unit: "aurora-scheduler",
		ConfigFile: "/etc/default/aurora-scheduler", Firewall: "nft", AuroraAdmin: "/usr/bin/aurora_admin", MesosLog: "/usr/bin/mesos-log",
		Peers: []string{"no", "yes", "b.example"}, Replicas: []string{"192.0.2.1:8083"}, Unknown: []string{"the unit: a\nb"},
	}
	text := fragment(d, "192.0.2.1:22", "aurorabot", []string{"/k"}, true, "/known") + rest
	cfg, err := config.Parse("discovered.yaml", []byte(text), func(string) string { return "" })
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	k := cfg.Cluster("west")
	if k == nil || len(k.Schedulers) != 3 || k.Schedulers[0].Name != "no" || k.Version.Minor != 22 || k.Firewall != "nft" {
		t.Errorf("%+v", k)
	}
}

// Whoever is asked for what cannot be done is told what to type.
func TestDiscoverUsage(t *testing.T) {
	for _, words := range [][]string{{"discover", "a", "b"}, {"discover", "--key", "/k"}, {"discover", "a", "--nonsense"}, {"discover", "a"}, {"discover"}} {
		var errs bytes.Buffer
		w := World{Out: &errs, Err: &errs, Env: func(string) string { return "" }, Now: time.Now}
		if exit := Run(t.Context(), append([]string{"config"}, words...), w); exit != handlers.ExitUsage || !strings.Contains(errs.String(), "hint: ") {
			t.Errorf("config %q: exit %d, %s", words, exit, errs.String())
		}
	}
}

// A host that cannot be asked is a finding of the live check, never "fine".
func TestCheckLive(t *testing.T) {
	dir := t.TempDir()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	known := "[127.0.0.1]:1 " + string(ssh.MarshalAuthorizedKey(signer.PublicKey()))
	text := `
ssh: {key_files: [id], known_hosts: [known]}
clusters:
  west:
    version: 0.22.0
    schedulers: [{name: s1, address: "127.0.0.1:1"}]
` + strings.Replace(rest, "  gates:", "  os_users: {\"4001\": T00000000/U0000ANN}\n  gates:", 1)
	for name, content := range map[string]string{"c.yaml": text, "id": string(pem.EncodeToMemory(block)), "known": known} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	w := World{Out: &out, Err: &errs, Env: func(string) string { return "" }, Now: time.Now, Peer: onDuty}
	exit := Run(context.Background(), []string{"config", "check", filepath.Join(dir, "c.yaml"), "--live", "--json"}, w)
	var doc liveCheck
	if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
		t.Fatalf("%v: %s %s", err, out.String(), errs.String())
	}
	if exit != handlers.ExitFindings || !strings.Contains(string(doc.Clusters["west"]), `"answers":false`) && !strings.Contains(string(doc.Clusters["west"]), `"answers": false`) {
		t.Errorf("exit %d: %s %s", exit, out.String(), errs.String())
	}
	// Why a login fails, and what to do about it, is said whole.
	locked := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("locked")})
	if err := os.WriteFile(filepath.Join(dir, "id"), locked, 0o600); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	Run(context.Background(), []string{"config", "check", filepath.Join(dir, "c.yaml"), "--live"}, w)
	if !strings.Contains(out.String(), "id: has a passphrase; load it into an agent, or ") {
		t.Errorf("the reason of a login that fails is not said: %s %s", out.String(), errs.String())
	}
	// As is the longest reason that there is: another key than the known one, with what to type at its end.
	stranger := strangeHost(t)
	for name, content := range map[string]string{
		"c.yaml": strings.Replace(text, "127.0.0.1:1", stranger, 1), "id": string(pem.EncodeToMemory(block)),
		"known": strings.Replace(known, "127.0.0.1]:1 ", "127.0.0.1]:"+stranger[strings.LastIndex(stranger, ":")+1:]+" ", 1),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out.Reset()
	Run(context.Background(), []string{"config", "check", filepath.Join(dir, "c.yaml"), "--live"}, w)
	if !strings.Contains(out.String(), "another key than the known one") || !strings.Contains(out.String(), "ssh-keygen -f") {
		t.Errorf("the host's other key, and what to do, is not said: %s %s", out.String(), errs.String())
	}
}

// strangeHost serves the beginnings of SSH with a host key that nobody knows.
func strangeHost(t *testing.T) string {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{NoClientAuth: true}
	config.AddHostKey(key)
	return runnertest.Listen(t, "tcp", "127.0.0.1:0", func(conn net.Conn) { _, _, _, _ = ssh.NewServerConn(conn, config) })
}

// The place of a host is read as ssh reads it, and the keys are its usual ones.
func TestPlaceOfAHost(t *testing.T) {
	for text, want := range map[string][3]string{
		"s1":                   {"", "s1", "s1:22"},
		"ann@s1:2222":          {"ann", "s1", "s1:2222"},
		"ann@2001:db8::1":      {"ann", "2001:db8::1", "[2001:db8::1]:22"},
		"[2001:db8::1]":        {"", "2001:db8::1", "[2001:db8::1]:22"},
		"ann@[2001:db8::1]:23": {"ann", "2001:db8::1", "[2001:db8::1]:23"},
	} {
		account, name, address := place(text)
		if got := [3]string{account, name, address}; got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	home := t.TempDir()
	if got := usualKeys(home); len(got) != 0 {
		t.Errorf("keys %q of an empty home", got)
	}
	if err := os.MkdirAll(filepath.Join(home, ".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"id_rsa", "id_ed25519", "id_other"} {
		if err := os.WriteFile(filepath.Join(home, ".ssh", name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{filepath.Join(home, ".ssh", "id_ed25519"), filepath.Join(home, ".ssh", "id_rsa")}
	if got := usualKeys(home); !slices.Equal(got, want) {
		t.Errorf("keys %q, want %q", got, want)
	}
}

// What ssh's own file says and does not apply is said by `config check`, for our hosts
// and the bastions before them.
func TestCheckSaysWhatDoesNotApply(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"c.yaml": `
ssh: {config_file: ssh_config, known_hosts: [known]}
clusters:
  west:
    version: 0.22.0
    schedulers: [{name: s1, address: s1}]
` + rest,
		"known": "",
		"ssh_config": `Host s1
  IdentityFile /k
  ProxyJump b
  StrictHostKeyChecking no
Host b
  IdentityFile /k
  ForwardAgent yes
Host other
  ProxyCommand nc x 22
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, errs bytes.Buffer
	w := World{Out: &out, Err: &errs, Env: func(string) string { return "" }, Now: time.Now}
	exit := Run(t.Context(), []string{"config", "check", filepath.Join(dir, "c.yaml")}, w)
	said := out.String()
	if exit != handlers.ExitDone || !strings.Contains(said, "StrictHostKeyChecking no for s1 does not apply") || !strings.Contains(said, "ForwardAgent yes for b does not apply") || strings.Contains(said, "ProxyCommand") {
		t.Errorf("exit %d: %s %s", exit, said, errs.String())
	}
}
