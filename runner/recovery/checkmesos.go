package recovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/zk"
)

// registeredFramework asks the leading Mesos master as which framework the
// leader is registered: the one that is active and has its host name.
func (r *Recovery) registeredFramework(ctx context.Context, lead *checkLook) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	address, err := zk.ParseURL(lead.flags["mesos_master_address"])
	if err != nil {
		return "", fmt.Errorf("-mesos_master_address: %w", err)
	}
	if r.Cluster.ZooKeeper == "none" {
		return "", errors.New("there is no ZooKeeper")
	}
	z, err := r.zookeeper(&runner.State{}, map[string]string{"zk_endpoints": strings.Join(address.Servers, ",")})
	if err != nil {
		return "", err
	}
	masters, err := z.MesosMaster(ctx, address.Path)
	if err != nil {
		return "", err
	}
	if len(masters) == 0 || masters[0].Unsupported != "" {
		return "", errors.New("no Mesos master is in ZooKeeper that can be asked")
	}
	at := masters[0].Address.String()
	tr := &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return lead.t.Host.Dial(ctx, at) },
		DisableKeepAlives: true,
	}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at+"/frameworks", http.NoBody)
	if err != nil {
		return "", fmt.Errorf("/frameworks of %s: %w", at, err)
	}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		return "", fmt.Errorf("/frameworks of %s: %w", at, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("/frameworks of %s: HTTP status %d", at, resp.StatusCode)
	}
	return frameworkOf(io.LimitReader(resp.Body, maxMesosTasks), lead.hostnameOf())
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
