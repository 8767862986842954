package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/bound"
	"aurorabot/runner/node"
)

// registeredFramework asks the leading Mesos master as which framework the
// leader is registered: the one that is active and has its host name.
func (l *look) registeredFramework(ctx context.Context) (id string, err error) {
	if l.Cluster.ZooKeeper == "none" {
		return "", errors.New("there is no ZooKeeper")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	at, err := l.Mesos(ctx, l.flags["mesos_master_address"], "/frameworks", func(page *bound.Decoder) (err error) {
		id, err = frameworkOf(page, l.hostnames())
		return err
	})
	if err != nil {
		return "", fmt.Errorf("Mesos master %s: %w", at, err)
	}
	return id, nil
}

// frameworkOf finds the one active framework whose scheduler has one of these
// host names.
func frameworkOf(page *bound.Decoder, hosts []string) (string, error) {
	var found []string
	err := node.MesosList(page, "frameworks", func() error {
		var f struct {
			ID       string `json:"id"`
			Hostname string `json:"hostname"`
			Active   bool   `json:"active"`
		}
		if err := page.Decode(&f); err != nil {
			return err
		}
		// Two are one too many: of more only the number would grow.
		if f.Active && f.ID != "" && len(found) < 100 && slices.Contains(hosts, f.Hostname) {
			found = append(found, f.ID)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("/frameworks: %w", err)
	}
	if len(found) != 1 {
		return "", fmt.Errorf("/frameworks: %d active ones have the host name %s", len(found), strings.Join(hosts, " or "))
	}
	return found[0], nil
}
