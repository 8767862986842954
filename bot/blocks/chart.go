package blocks

import (
	"strings"

	"github.com/slack-go/slack"

	"aurorabot/handlers/view"
)

// charts are drawn by Slack itself. One that Slack would not take is left out:
// the tables hold its numbers.
func (b *builder) charts(m view.Message) {
	for i, c := range m.Charts {
		if i == maxCharts || b.room < 2000 {
			return
		}
		if block := chart(c); block != nil {
			b.add(block)
		}
	}
}

func chart(c view.Chart) slack.Block {
	if len(c.Categories) == 0 || len(c.Categories) > maxPoints || len(c.Series) == 0 || len(c.Series) > maxSeries {
		return nil
	}
	labels, seen := make([]string, len(c.Categories)), map[string]bool{}
	for i, name := range c.Categories {
		labels[i] = line(cut(name, maxPointLabel))
		if seen[labels[i]] || strings.TrimSpace(labels[i]) == "" {
			return nil // Slack tells points by their labels.
		}
		seen[labels[i]] = true
	}
	var series []slack.DataVisualizationDataSeries
	for _, s := range c.Series {
		if len(s.Values) != len(labels) {
			return nil
		}
		points := make([]slack.DataVisualizationDataPoint, len(labels))
		for i, v := range s.Values {
			points[i] = slack.NewDataVisualizationDataPoint(labels[i], v)
		}
		series = append(series, slack.NewDataVisualizationDataSeries(line(cut(s.Name, maxPointLabel)), points...))
	}
	axis := slack.NewDataVisualizationAxisConfig(labels...)
	title := line(cut(c.Title, maxChartTitle))
	if c.Bars {
		return slack.NewDataVisualizationBlock(title, slack.NewDataVisualizationBarChart(axis, series...))
	}
	return slack.NewDataVisualizationBlock(title, slack.NewDataVisualizationLineChart(axis, series...))
}
