package health

import "slices"

// A Left is something that a closed run left, on a host or at the bot.
type Left struct {
	Host  string `json:"host"`
	Run   string `json:"run"`
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"` // That its removal frees.
	Files int    `json:"files"`
}

// Leftovers are what lies where. Silent are the hosts that could not be asked, and why:
// what lies there is not known.
type Leftovers struct {
	Left   []Left            `json:"left"`
	Silent map[string]string `json:"silent,omitempty"`
}

// Hosts are where something lies, in the order of Left.
func (l Leftovers) Hosts() (hosts []string) {
	for _, left := range l.Left {
		if !slices.Contains(hosts, left.Host) {
			hosts = append(hosts, left.Host)
		}
	}
	return hosts
}

// On is what lies on one host.
func (l Leftovers) On(host string) Leftovers {
	return Leftovers{Left: slices.DeleteFunc(slices.Clone(l.Left), func(left Left) bool { return left.Host != host })}
}

// Bytes is how much lies there in all.
func (l Leftovers) Bytes() (n int64) {
	for _, left := range l.Left {
		n += left.Bytes
	}
	return n
}
