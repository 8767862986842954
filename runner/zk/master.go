package zk

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// A Master is a Mesos master that leads or waits to lead.
type Master struct {
	Node         string         // Name of the node, without its path.
	Sequence     string         // Number at its end, as the server wrote it. The lowest leads.
	Unsupported  string         // Why the fields down to ID are empty; "" where they are not.
	Hostname     string         // As the master says of itself; may be a name that nobody resolves.
	Address      netip.AddrPort // Where it listens.
	PID          string         // What libprocess calls it: "master@127.0.0.1:5050".
	Version      string         // Of Mesos; empty where the master does not say.
	ID           string         // New with each start of the master.
	SessionOwner int64          // Session that the node ends with.
	Created      time.Time      // By the server's clock, in UTC.
}

const (
	masterPrefix    = "json.info_"
	oldMasterPrefix = "info_"
)

// unsupportedMaster is why an info_ node is not read.
const unsupportedMaster = "MasterInfo in protobuf, as masters before Mesos 0.24 write it"

func splitMaster(name string) (sequence string, old, ok bool) {
	if rest, found := strings.CutPrefix(name, masterPrefix); found {
		return rest, false, isSequence(rest)
	}
	rest, found := strings.CutPrefix(name, oldMasterPrefix)
	return rest, true, found && isSequence(rest)
}

func isMaster(name string) bool {
	_, _, ok := splitMaster(name)
	return ok
}

// parseMasters returns the masters among nodes, the leader first.
func parseMasters(nodes []znode) ([]Master, error) {
	list := []Master{}
	for _, n := range nodes {
		sequence, old, ok := splitMaster(n.name)
		if !ok {
			continue
		}
		m := Master{Unsupported: unsupportedMaster}
		if !old {
			var err error
			if m, err = parseMasterInfo(n.data); err != nil {
				return nil, fmt.Errorf("%s: data %s: %w", n.name, quote(n.data), err)
			}
		}
		m.Node, m.Sequence, m.SessionOwner, m.Created = n.name, sequence, n.owner, n.created
		list = append(list, m)
	}
	sortByNumber(list, func(m Master) string { return m.Sequence })
	return list, nil
}

// parseMasterInfo reads the JSON of mesos.MasterInfo. Masters before 1.0 have
// no address in it, only ip and port.
func parseMasterInfo(data []byte) (Master, error) {
	var info struct {
		Address *struct {
			Hostname string `json:"hostname"`
			IP       string `json:"ip"`
			Port     int64  `json:"port"`
		} `json:"address"`
		Hostname string `json:"hostname"`
		ID       string `json:"id"`
		IP       uint32 `json:"ip"` // In network order, read as little-endian.
		Port     int64  `json:"port"`
		PID      string `json:"pid"`
		Version  string `json:"version"`
	}
	if err := json.Unmarshal(data, &info); err != nil {
		return Master{}, err
	}
	m := Master{Hostname: info.Hostname, PID: info.PID, Version: info.Version, ID: info.ID}
	var quad [4]byte
	binary.LittleEndian.PutUint32(quad[:], info.IP)
	ip, port := netip.AddrFrom4(quad), info.Port
	if info.Address != nil {
		port = info.Address.Port
		if info.Address.Hostname != "" {
			m.Hostname = info.Address.Hostname
		}
		if info.Address.IP != "" {
			var err error
			if ip, err = netip.ParseAddr(info.Address.IP); err != nil {
				return Master{}, err
			}
		}
	}
	if ip.IsUnspecified() {
		return Master{}, errors.New("no address in it")
	}
	if port < 1 || port > 65535 {
		return Master{}, fmt.Errorf("port %d is not 1-65535", port)
	}
	m.Address = netip.AddrPortFrom(ip, uint16(port))
	return m, nil
}
