package config

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

var cronParser = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

func readReports(n *node, clusters []string, slackless bool) []Report {
	var out []Report
	for _, i := range n.items("write a list of reports, each with name, cron and channel") {
		m := i.fields("name", "cron", "zone", "clusters", "channel", "jitter")
		r := Report{Zone: m.get("zone").zone(), Clusters: slices.Clone(clusters), Jitter: m.get("jitter").duration(0, time.Second, 12*time.Hour)}
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
		r.Channel = m.get("channel").target("write the ID of the channel that it goes to, such as C0123456789", slackless)
		out = append(out, r)
	}
	return out
}

// target is where reports and alerts go. Without Slack there is only the log.
func (n *node) target(hint string, slackless bool) string {
	switch {
	case slackless && n.given():
		n.fail("leave it out: they are written to the bot's log", "there is no channel without Slack (slack: and policy.teams are left out)")
	case !slackless && n.required(hint):
		return n.id(channelID, "a channel's ID, such as C0123456789 (in the channel's details)")
	}
	return ""
}

func readAlerts(n *node, slackless bool) Alerts {
	m := n.fields("channel", "every", "remind")
	if !n.given() {
		return Alerts{}
	}
	a := Alerts{Every: m.get("every").duration(15*time.Minute, time.Minute, 24*time.Hour), Remind: m.get("remind").duration(24*time.Hour, time.Minute, 30*24*time.Hour)}
	if a.Channel = m.get("channel").target("write the ID of the channel that alerts go to, such as C0123456789", slackless); slackless {
		a.Channel = "log"
	}
	return a
}

// ping reads an address that is asked for with every report.
func (n *node) ping() string {
	if !n.given() {
		return ""
	}
	s := n.text("")
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		n.fail("write it as https://watchdog.example.com/aurorabot; http is for 127.0.0.1 only", "%s is no such address", quoted(s))
		return ""
	}
	return s
}

func readDrill(n *node, clusters []string, slackless bool) Drill {
	var d Drill
	m := n.fields("lab", "schedules")
	if lab := m.get("lab"); lab.given() {
		d.Lab = lab.file()
	}
	if v := m.get("schedules"); v.given() {
		d.Schedules = readReports(v, clusters, slackless)
		if d.Lab == "" {
			v.fail("write lab: and the file of the rehearsal lab's program beside it", "drills are scheduled, but there is no lab to hold them in")
		}
	}
	return d
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
	s = sunday(s)
	schedule, err := cronParser.Parse(s)
	if err != nil {
		n.fail(hint, "%v", err)
		return ""
	}
	if every, ok := schedule.(cron.ConstantDelaySchedule); ok && every.Delay < leastEvery {
		n.fail("write @every 1h, or times such as \"0 8 * * 1-5\"", "%s is more often than once in %s: neither reports nor drills are made every few seconds", quoted(s), leastEvery)
		return ""
	}
	// The parser takes the 30th of February; the schedule then never comes.
	if schedule.Next(time.Unix(0, 0)).IsZero() {
		n.fail(hint, "%s never comes", quoted(s))
		return ""
	}
	return s
}

// leastEvery is how far apart reports are at least.
const leastEvery = time.Minute

// sunday writes weekday 7, which crontab(5) takes for Sunday as well as 0, as the
// parser knows it: "7", "5-7", in a list or alone.
func sunday(spec string) string {
	f := strings.Fields(spec)
	if len(f) != 5 {
		return spec
	}
	days := strings.Split(f[4], ",")
	for i, d := range days {
		switch from, to, ranged := strings.Cut(d, "-"); {
		case d == "7" || d == "7-7":
			days[i] = "0"
		case ranged && to == "7":
			days[i] = from + "-6,0"
		}
	}
	f[4] = strings.Join(days, ",")
	return strings.Join(f, " ")
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
