package slack

import "unicode/utf8"

func (c *check) table(m map[string]any, at string) {
	c.keys(m, at, "type", "block_id", "rows", "column_settings")
	if c.tables++; c.tables > maxTables {
		c.bad(at, "only %d table block allowed in a message", maxTables)
	}
	if settings, ok := c.list(m["column_settings"], at+"/column_settings"); ok {
		if len(settings) > maxTableColumns {
			c.bad(at+"/column_settings", "no more than %d items allowed", maxTableColumns)
		}
		for i, v := range settings {
			if v != nil {
				here := index(at+"/column_settings", i)
				c.keys(object(v), here, "align", "is_wrapped")
				c.oneOf(object(v), "align", here, "left", "center", "right")
			}
		}
	}
	before := c.text
	rows := c.rows(m, at, 1, maxTableRows)
	for i, v := range rows {
		cells, _ := v.([]any)
		for j, cell := range cells {
			c.cell(object(cell), index(index(at+"/rows", i), j), false)
		}
	}
	if c.text-before > maxTableText {
		c.bad(at+"/rows", "all cells together must be less than %d characters", maxTableText+1)
	}
}

// rows checks the shape of a table: an array of arrays.
func (c *check) rows(m map[string]any, at string, least, most int) []any {
	rows, ok := c.list(m["rows"], at+"/rows")
	if !ok || len(rows) < least {
		c.bad(at+"/rows", "no fewer than %d items allowed", least)
	}
	if len(rows) > most {
		c.bad(at+"/rows", "no more than %d items allowed", most)
	}
	for i, v := range rows {
		cells, ok := v.([]any)
		switch {
		case !ok || len(cells) == 0:
			c.bad(index(at+"/rows", i), "no fewer than 1 items allowed")
		case len(cells) > maxTableColumns:
			c.bad(index(at+"/rows", i), "no more than %d items allowed", maxTableColumns)
		}
	}
	return rows
}

func (c *check) cell(m map[string]any, at string, actions bool) {
	switch kind := text(m, "type"); {
	case kind == "raw_text":
		c.keys(m, at, "type", "text")
		c.text += utf8.RuneCountInString(c.str(m, "text", at, maxText, true))
	case kind == "raw_number":
		c.keys(m, at, "type", "value", "text")
		if _, ok := m["value"].(float64); !ok {
			c.bad(at+"/value", "must be a number")
		}
		c.text += utf8.RuneCountInString(c.str(m, "text", at, maxText, false))
	case kind == "rich_text":
		c.richText(m, at)
	case kind == "action_cell" && actions:
		c.element(object(m["element"]), at+"/element", set("button"))
	default:
		c.bad(at, "unsupported type: %s", kind)
	}
}

func (c *check) dataTable(m map[string]any, at string) {
	c.keys(m, at, "type", "block_id", "caption", "rows", "page_size", "row_header_column_index")
	c.str(m, "caption", at, maxText, true)
	c.number(m, "page_size", at, 1, maxTableRows)
	rows := c.rows(m, at, 2, maxDataTableRows)
	width := -1
	for i, v := range rows {
		cells, _ := v.([]any)
		if width >= 0 && len(cells) != width {
			c.bad(index(at+"/rows", i), "must have %d cells as the first row has", width)
		}
		if i == 0 {
			width = len(cells)
		}
		for j, cell := range cells {
			here := index(index(at+"/rows", i), j)
			if i == 0 && text(cell, "type") == "rich_text" {
				c.bad(here, "a header cell cannot be rich_text")
			}
			c.cell(object(cell), here, i > 0)
		}
	}
}

func (c *check) chart(m map[string]any, at string) {
	c.keys(m, at, "type", "block_id", "title", "chart")
	if c.charts++; c.charts > maxCharts {
		c.bad(at, "only %d data_visualization blocks allowed in a message", maxCharts)
	}
	c.text += utf8.RuneCountInString(c.str(m, "title", at, maxChartTitle, true))
	chart, here := object(m["chart"]), at+"/chart"
	if chart == nil {
		c.bad(here, "missing required field: chart")
		return
	}
	switch kind := text(chart, "type"); kind {
	case "pie":
		c.keys(chart, here, "type", "segments")
		c.points(chart, "segments", here, maxChartSeries, true, nil)
	case "bar", "line", "area":
		c.series(chart, here)
	default:
		c.bad(here+"/type", "unsupported type: %s", kind)
	}
}

func (c *check) series(chart map[string]any, at string) {
	c.keys(chart, at, "type", "series", "axis_config")
	axis := object(chart["axis_config"])
	list, _ := c.list(axis["categories"], at+"/axis_config/categories")
	if len(list) == 0 || len(list) > maxChartPoints {
		c.bad(at+"/axis_config/categories", "must have 1 to %d items", maxChartPoints)
	}
	categories := map[string]bool{}
	for i, v := range list {
		s, _ := v.(string)
		if s == "" || categories[s] {
			c.bad(index(at+"/axis_config/categories", i), "must be a string of its own")
		}
		c.length(s, index(at+"/axis_config/categories", i), maxChartLabel)
		categories[s] = true
	}
	c.str(axis, "x_label", at+"/axis_config", maxChartTitle, false)
	c.str(axis, "y_label", at+"/axis_config", maxChartTitle, false)
	series, _ := c.list(chart["series"], at+"/series")
	if len(series) == 0 || len(series) > maxChartSeries {
		c.bad(at+"/series", "must have 1 to %d items", maxChartSeries)
	}
	names := map[string]bool{}
	for i, v := range series {
		here := index(at+"/series", i)
		name := c.str(object(v), "name", here, maxChartLabel, true)
		if names[name] {
			c.bad(here+"/name", "must be unique")
		}
		names[name] = true
		c.points(object(v), "data", here, maxChartPoints, false, categories)
	}
}

// points checks labelled values. With categories there must be exactly one
// point for each.
func (c *check) points(m map[string]any, key, at string, most int, positive bool, categories map[string]bool) {
	list, _ := c.list(m[key], at+"/"+key)
	if len(list) == 0 || len(list) > most {
		c.bad(at+"/"+key, "must have 1 to %d items", most)
	}
	if categories != nil && len(list) != len(categories) {
		c.bad(at+"/"+key, "must have one point for each of %d categories", len(categories))
	}
	for i, v := range list {
		here := index(at+"/"+key, i)
		label := c.str(object(v), "label", here, maxChartLabel, true)
		if categories != nil && !categories[label] {
			c.bad(here+"/label", "must be one of the categories")
		}
		if n, ok := field(v, "value").(float64); !ok || (positive && n <= 0) {
			c.bad(here+"/value", "must be a number")
		}
	}
}

func (c *check) plan(m map[string]any, at string) {
	c.keys(m, at, "type", "block_id", "title", "tasks")
	c.text += utf8.RuneCountInString(c.str(m, "title", at, maxText, true))
	tasks, _ := c.list(m["tasks"], at+"/tasks")
	if len(tasks) > maxPlanTasks {
		c.bad(at+"/tasks", "no more than %d items allowed", maxPlanTasks)
	}
	seen := map[string]bool{}
	for i, v := range tasks {
		here := index(at+"/tasks", i)
		if kind := text(v, "type"); kind != "task_card" {
			c.bad(here, "unsupported type: %s", kind)
			continue
		}
		if id := text(v, "task_id"); id != "" && seen[id] {
			c.bad(here+"/task_id", "task_id %q already exists", id)
		} else {
			seen[id] = true
		}
		c.taskCard(object(v), here)
	}
}

func (c *check) taskCard(m map[string]any, at string) {
	c.keys(m, at, "type", "block_id", "task_id", "title", "status", "details", "output", "sources", "hide_title")
	c.str(m, "task_id", at, maxID, true)
	c.text += utf8.RuneCountInString(c.str(m, "title", at, maxText, true))
	c.oneOf(m, "status", at, "pending", "in_progress", "complete", "error")
	for _, key := range []string{"details", "output"} {
		if m[key] != nil {
			c.richText(object(m[key]), at+"/"+key)
		}
	}
	sources, _ := c.list(m["sources"], at+"/sources")
	for i, v := range sources {
		c.str(object(v), "url", index(at+"/sources", i), maxURL, true)
		c.str(object(v), "text", index(at+"/sources", i), maxText, true)
	}
}

func (c *check) card(m map[string]any, at string) {
	c.keys(m, at, "type", "block_id", "hero_image", "icon", "slack_icon", "title", "subtitle", "body", "subtext", "actions")
	c.textObject(m, "title", at, maxCardTitle, false)
	c.textObject(m, "subtitle", at, maxCardTitle, false)
	c.textObject(m, "body", at, maxCardBody, false)
	c.textObject(m, "subtext", at, maxCardBody, false)
	if m["actions"] != nil {
		c.elements(map[string]any{"elements": m["actions"]}, at+"/actions", maxCardActions, set("button"))
	}
}

func (c *check) carousel(m map[string]any, at string) {
	c.keys(m, at, "type", "block_id", "elements")
	list, _ := c.list(m["elements"], at+"/elements")
	if len(list) == 0 || len(list) > maxCarousel {
		c.bad(at+"/elements", "must have 1 to %d items", maxCarousel)
	}
	for i, v := range list {
		if text(v, "type") != "card" {
			c.bad(index(at+"/elements", i), "unsupported type: %s", text(v, "type"))
			continue
		}
		c.card(object(v), index(at+"/elements", i))
	}
}
