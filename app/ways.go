package app

import (
	"fmt"

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
