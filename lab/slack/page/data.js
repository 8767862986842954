// Tables and charts.
import { h, svg } from "./dom.js";
import { richText, unknown } from "./rich.js";

function cell(c, ctx) {
  switch (c?.type) {
    case "raw_text": return [c.text];
    case "raw_number": return [c.text ?? String(c.value)];
    case "rich_text": return [richText(c, ctx)];
    case "action_cell": return [ctx.button(c.element)];
  }
  return [];
}

export function table(block, ctx) {
  const settings = block.column_settings ?? [];
  const props = (c, i) => ({ class: [settings[i]?.align ?? (c?.type === "raw_number" ? "right" : "left"), settings[i]?.is_wrapped ? "wrap" : "nowrap"].join(" ") });
  const [head, ...rows] = block.rows;
  return h("div", { class: "table", tabindex: 0 },
    h("table", {},
      block.caption ? h("caption", {}, block.caption) : null,
      h("thead", {}, h("tr", {}, head.map((c, i) => h("th", { ...props(c, i), scope: "col" }, cell(c, ctx))))),
      h("tbody", {}, rows.map((row) => h("tr", {}, row.map((c, i) => h("td", props(c, i), cell(c, ctx))))))));
}

const W = 600, H = 200, LEFT = 44, BOTTOM = 24, TOP = 10;

export function chart(block) {
  const c = block.chart ?? {};
  const names = c.type === "pie" ? (c.segments ?? []).map((s) => `${s.label}: ${s.value}`) : (c.series ?? []).map((s) => s.name);
  const draw = c.type === "pie" ? pie : ["bar", "line", "area"].includes(c.type) ? axes : null;
  if (!draw) return unknown(`${c.type} chart`);
  const figure = h("figure", { class: "chart" }, h("figcaption", {}, block.title), draw(c, block.title));
  if (names.length > 1 || c.type === "pie") {
    figure.append(h("ul", { class: "legend" }, names.map((n, i) => h("li", { class: `series${i}` }, n))));
  }
  return figure;
}

// A round number at or above the largest value.
function ceiling(most) {
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  return [1, 2, 2.5, 5, 10].map((f) => f * power).find((v) => v >= most);
}

function axes(c, title) {
  const labels = c.axis_config?.categories ?? [];
  const values = (c.series ?? []).flatMap((s) => s.data.map((d) => d.value));
  const top = ceiling(Math.max(0, ...values));
  const low = Math.min(0, ...values) < 0 ? -ceiling(-Math.min(...values)) : 0;
  const y = (v) => TOP + (H - TOP - BOTTOM) * (1 - (v - low) / (top - low));
  const step = (W - LEFT) / Math.max(1, labels.length);
  const x = (i) => LEFT + step * (i + 0.5);
  const out = svg("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": title });
  for (const v of [low, (low + top) / 2, top]) {
    out.append(svg("line", { class: "grid", x1: LEFT, x2: W, y1: y(v), y2: y(v) }), svg("text", { class: "tick", x: LEFT - 6, y: y(v) + 4, "text-anchor": "end" }, String(Number(v.toPrecision(4)))));
  }
  const every = Math.ceil(labels.length / 10);
  labels.forEach((l, i) => i % every === 0 && out.append(svg("text", { class: "tick", x: x(i), y: H - 6, "text-anchor": "middle" }, l)));
  (c.series ?? []).forEach((s, n) => {
    const point = (l) => s.data.find((d) => d.label === l)?.value ?? 0;
    if (c.type === "bar") {
      const width = Math.min(40, (step * 0.7) / c.series.length);
      labels.forEach((l, i) => {
        const v = point(l);
        out.append(svg("rect", { class: `series${n}`, x: x(i) - (width * c.series.length) / 2 + width * n, y: Math.min(y(v), y(0)), width: Math.max(1, width - 2), height: Math.abs(y(v) - y(0)) },
          svg("title", {}, `${s.name}, ${l}: ${v}`)));
      });
      return;
    }
    const path = labels.map((l, i) => `${i ? "L" : "M"}${x(i)} ${y(point(l))}`).join(" ");
    if (c.type === "area") out.append(svg("path", { class: `area series${n}`, d: `${path} L${x(labels.length - 1)} ${y(0)} L${x(0)} ${y(0)} Z` }));
    out.append(svg("path", { class: `line series${n}`, d: path }));
    labels.forEach((l, i) => out.append(svg("circle", { class: `series${n}`, cx: x(i), cy: y(point(l)), r: 3 }, svg("title", {}, `${s.name}, ${l}: ${point(l)}`))));
  });
  return out;
}

function pie(c, title) {
  const total = c.segments.reduce((sum, s) => sum + s.value, 0) || 1;
  const out = svg("svg", { viewBox: "-110 -110 220 220", class: "pie", role: "img", "aria-label": title });
  let angle = -Math.PI / 2;
  c.segments.forEach((s, i) => {
    const next = angle + (2 * Math.PI * s.value) / total;
    const at = (a) => `${100 * Math.cos(a)} ${100 * Math.sin(a)}`;
    const shape = s.value === total
      ? svg("circle", { class: `series${i}`, r: 100 })
      : svg("path", { class: `slice series${i}`, d: `M0 0 L${at(angle)} A100 100 0 ${next - angle > Math.PI ? 1 : 0} 1 ${at(next)} Z` });
    shape.append(svg("title", {}, `${s.label}: ${s.value}`));
    out.append(shape);
    angle = next;
  });
  return out;
}
