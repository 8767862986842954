package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// registeredFramework asks the leading Mesos master as which framework the
// leader is registered: the one that is active and has its host name.
func (l *look) registeredFramework(ctx context.Context) (id string, err error) {
	if l.Cluster.ZooKeeper == "none" {
		return "", errors.New("there is no ZooKeeper")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	at, err := l.Mesos(ctx, l.flags["mesos_master_address"], "/frameworks", func(page io.Reader) (err error) {
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
func frameworkOf(r io.Reader, hosts []string) (string, error) {
	var page struct {
		Frameworks []struct {
			ID       string `json:"id"`
			Hostname string `json:"hostname"`
			Active   bool   `json:"active"`
		} `json:"frameworks"`
	}
	if err := json.NewDecoder(r).Decode(&page); err != nil {
		return "", fmt.Errorf("/frameworks: %w", err)
	}
	var found []string
	for _, f := range page.Frameworks {
		if f.Active && f.ID != "" && slices.Contains(hosts, f.Hostname) {
			found = append(found, f.ID)
		}
	}
	if len(found) != 1 {
		return "", fmt.Errorf("/frameworks: %d active ones have the host name %s", len(found), strings.Join(hosts, " or "))
	}
	return found[0], nil
}
