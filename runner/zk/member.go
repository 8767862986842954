package zk

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// An Endpoint is where a service listens.
type Endpoint struct {
	Host string `json:"host"`
	Port int    `json:"port"` // 1 to 65535.
}

// A Member is a scheduler that is advertised as leader.
type Member struct {
	Node         string              // Name of the node, without its path.
	Sequence     string              // Number at its end, as the server wrote it.
	Host         string              // Of the service's endpoint.
	Port         int                 // Of the service's endpoint, 1 to 65535.
	Additional   map[string]Endpoint // Other endpoints, "http" and "https" among them.
	Status       string              // "ALIVE" of one that serves.
	SessionOwner int64               // Session that the node ends with.
	Created      time.Time           // By the server's clock, in UTC.
}

const memberPrefix = "member_"

func isMember(name string) bool {
	rest, ok := strings.CutPrefix(name, memberPrefix)
	return ok && isSequence(rest)
}

// parseMembers returns the members among nodes, oldest first.
func parseMembers(nodes []znode) ([]Member, error) {
	list := []Member{}
	for _, n := range nodes {
		if !isMember(n.name) {
			continue
		}
		m, err := parseMember(n)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.name, err)
		}
		list = append(list, m)
	}
	sortByNumber(list, func(m Member) string { return m.Sequence })
	return list, nil
}

func parseMember(n znode) (Member, error) {
	var instance struct {
		Service    *Endpoint           `json:"serviceEndpoint"`
		Additional map[string]Endpoint `json:"additionalEndpoints"`
		Status     string              `json:"status"`
	}
	if err := json.Unmarshal(n.data, &instance); err != nil {
		return Member{}, fmt.Errorf("data %s: %w", quote(n.data), err)
	}
	if instance.Service == nil {
		return Member{}, errors.New("no serviceEndpoint in its data")
	}
	if err := instance.Service.check(); err != nil {
		return Member{}, fmt.Errorf("serviceEndpoint: %w", err)
	}
	for name, e := range instance.Additional {
		if err := e.check(); err != nil {
			return Member{}, fmt.Errorf("additional endpoint %q: %w", name, err)
		}
	}
	return Member{
		Node: n.name, Sequence: strings.TrimPrefix(n.name, memberPrefix),
		Host: instance.Service.Host, Port: instance.Service.Port,
		Additional: instance.Additional, Status: instance.Status,
		SessionOwner: n.owner, Created: n.created,
	}, nil
}

func (e Endpoint) check() error {
	if !isHost(e.Host) {
		return fmt.Errorf("%q is no host name", e.Host)
	}
	if e.Port < 1 || e.Port > 65535 {
		return fmt.Errorf("port %d is not 1-65535", e.Port)
	}
	return nil
}
