package config

import (
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

var cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

func readReports(n *node, clusters []string) []Report {
	var out []Report
	for _, i := range n.items("write a list of reports, each with name, cron and channel") {
		m := i.fields("name", "cron", "zone", "clusters", "channel")
		r := Report{Zone: m.get("zone").zone(), Clusters: slices.Clone(clusters)}
		if v := m.get("name"); v.required("write what the report is called") {
			r.Name = v.text("")
			if slices.ContainsFunc(out, func(o Report) bool { return o.Name == r.Name }) {
				v.fail("give each report a name of its own", "%s is there twice", quoted(r.Name))
			}
		}
		if v := m.get("cron"); v.required("write minute, hour, day, month and weekday, such as \"0 8 * * 1-5\"") {
			r.Cron = v.cron()
		}
		if v := m.get("clusters"); v.given() {
			r.Clusters = v.oneOf("write names of clusters, or leave it out for all", func(string) bool { return false }, clusters)
			slices.Sort(r.Clusters)
			r.Clusters = slices.Compact(r.Clusters)
		}
		if v := m.get("channel"); v.required("write the ID of the channel that it goes to, such as C0123456789") {
			r.Channel = v.id(channelID, "a channel's ID, such as C0123456789 (in the channel's details)")
		}
		out = append(out, r)
	}
	return out
}

func (n *node) cron() string {
	s := n.text("")
	hint := "write minute, hour, day, month and weekday, such as \"0 8 * * 1-5\", or @daily"
	if s == "" {
		return ""
	}
	if strings.Contains(s, "TZ=") {
		n.fail("write zone: beside it", "the time zone does not belong into the times")
		return ""
	}
	schedule, err := cronParser.Parse(s)
	if err != nil {
		n.fail(hint, "%v", err)
		return ""
	}
	// The parser takes the 30th of February; the schedule then never comes.
	if schedule.Next(time.Unix(0, 0)).IsZero() {
		n.fail(hint, "%s never comes", quoted(s))
		return ""
	}
	return s
}

func (n *node) zone() string {
	s := n.text("UTC")
	_, err := time.LoadLocation(s)
	if err != nil || s == "Local" {
		n.fail("write one such as UTC or Europe/Berlin", "%s is no time zone", quoted(s))
		return "UTC"
	}
	return s
}
