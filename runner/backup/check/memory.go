package check

import (
	"slices"
	"time"

	"aurorabot/runner/probe"
)

// A Memory is what one check leaves for the next, so that a check of files that
// are known is cheap. It may be lost: the next check then decodes again.
type Memory struct {
	Files     []Remembered `json:"files"`
	Counters  []Counter    `json:"counters"`
	Places    []Place      `json:"places"`
	Framework string       `json:"framework"` // Of the process that led when it was last seen.
	LedBy     string       `json:"led_by"`    // That process: its host and when it began.
	Level     Level        `json:"level"`
}

// A Remembered file was decoded on a host.
type Remembered struct {
	Host  string       `json:"host"`
	ID    probe.FileID `json:"id"`
	At    time.Time    `json:"at"` // When it was decoded.
	Brief probe.Brief  `json:"brief"`
}

// A Place is where a host's scheduler keeps its files.
type Place struct {
	Host   string `json:"host"`
	Dir    string `json:"dir"`
	Log    string `json:"log"`
	Reader string `json:"reader"` // SHA-256 of the reader that decoded its files.

	ReaderFile string `json:"reader_file,omitempty"` // Which file that was when it was hashed: device, inode, size, times.
}

// remembered is how long a file is taken for what it was: then it is decoded
// again, since a disk may lose what it held.
const remembered = 24 * time.Hour

// Known are the files of a host that need no decoding at now.
func (m *Memory) Known(host string, now time.Time) map[probe.FileID]probe.Brief {
	known := map[probe.FileID]probe.Brief{}
	for i := range m.Files {
		if f := &m.Files[i]; f.Host == host && now.Sub(f.At).Abs() < remembered {
			known[f.ID] = f.Brief
		}
	}
	return known
}

// Place is what is remembered of a host; the zero value if nothing is. Another
// reader than the one that decoded its files makes them unknown.
func (m *Memory) Place(host string) Place {
	i := slices.IndexFunc(m.Places, func(p Place) bool { return p.Host == host })
	if i < 0 {
		return Place{Host: host}
	}
	return m.Places[i]
}

// Next is the memory for the next check. What a host that gave no answer had is
// kept; files that are gone are forgotten.
func (m *Memory) Next(f *Facts, places []Place) Memory {
	next := Memory{Counters: f.Counters(), Files: []Remembered{}, Places: []Place{}, Framework: m.Framework, LedBy: m.LedBy, Level: m.Level}
	for i := range f.Hosts {
		h := &f.Hosts[i]
		at := slices.IndexFunc(places, func(p Place) bool { return p.Host == h.Host && p.Dir != "" })
		if h.Folder == nil || h.Folder.Error != "" || at < 0 {
			for _, old := range m.Files {
				if old.Host == h.Host {
					next.Files = append(next.Files, old)
				}
			}
			if p := m.Place(h.Host); p.Dir != "" {
				next.Places = append(next.Places, p)
			}
			continue
		}
		next.Places = append(next.Places, places[at])
		for j := range h.Folder.Files {
			x := &h.Folder.Files[j]
			switch {
			case x.Read != nil:
				next.Files = append(next.Files, Remembered{Host: h.Host, ID: x.ID, At: f.At, Brief: *x.Read})
			case x.Known:
				k := slices.IndexFunc(m.Files, func(r Remembered) bool { return r.Host == h.Host && r.ID == x.ID })
				if k >= 0 {
					next.Files = append(next.Files, m.Files[k])
				}
			}
		}
	}
	for _, c := range m.Counters {
		if !slices.ContainsFunc(next.Counters, func(n Counter) bool { return n.Host == c.Host }) {
			next.Counters = append(next.Counters, c)
		}
	}
	return next
}
