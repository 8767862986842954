package app

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"aurorabot/config"
	"aurorabot/runner/ssh"
)

// ways are the connections that hosts are reached through. A bastion has one, whatever
// the number of hosts behind it.
type ways struct {
	w        World
	pool     *ssh.Pool            // Nil: no bound.
	bastions map[string]*ssh.Host // By how they are reached.
}

// host makes the host of a scheduler.
func (y *ways) host(k config.SSH, name, owner string) *ssh.Host {
	c := y.config(k)
	c.Name, c.Owner, c.Pool = name, owner, y.pool
	way := ""
	for _, leap := range k.Jump {
		before := c.Via
		way += fmt.Sprintf("%s@%s %q %q %v %q\n", leap.User, leap.Address, leap.KeyFiles, leap.CertFiles, leap.Agent, leap.KnownHosts)
		if c.Via = y.bastions[way]; c.Via != nil {
			continue
		}
		b := y.config(leap)
		b.Name, b.Via = leap.Address, before
		if y.bastions == nil {
			y.bastions = map[string]*ssh.Host{}
		}
		c.Via = ssh.NewBastion(b)
		y.bastions[way] = c.Via
	}
	return ssh.New(c)
}

func (y *ways) config(k config.SSH) ssh.Config {
	agent := ""
	if k.Agent {
		agent = y.w.Env("SSH_AUTH_SOCK")
	}
	return ssh.Config{
		Address: k.Address, User: k.User, KeyFiles: k.KeyFiles, CertFiles: k.CertFiles, Passphrase: string(k.Passphrase), Agent: agent, KnownHosts: k.KnownHosts,
		Sudo: k.Sudo, RunDir: k.RunDir, ConnectTimeout: k.ConnectTimeout, Keepalive: k.Keepalive, Now: y.w.Now,
	}
}

// close ends the connections to bastions, when those through them have ended.
func (y *ways) close() {
	for _, b := range y.bastions {
		b.Close()
	}
}

// ownID is the name of the bot that owns a state folder, made up once: by it the
// next process recognises what a killed one left at work on the hosts. It is no
// secret. The caller holds the folder's lock.
func ownID(stateDir string) (string, error) {
	file := filepath.Join(stateDir, "id")
	text, err := os.ReadFile(file)
	switch id := strings.TrimSpace(string(text)); {
	case err == nil && id != "":
		return id, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("who this bot is: %w", err)
	}
	id := rand.Text()
	if err := os.WriteFile(file, []byte(id+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("who this bot is: %w", err)
	}
	return id, nil
}

// owner names this bot to one host of one cluster, in letters and digits. A program
// without a state folder has no id and is no bot: it is nobody's next process, and ends
// nothing that another one left.
func owner(id, cluster, host string) string {
	if id == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(id + "\x00" + cluster + "\x00" + host))
	return hex.EncodeToString(sum[:12])
}
