// One series with its anomalies as SVG. Coordinates: 1000 × 300 user units.
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 1000, HEIGHT = 300, LEFT = 62, RIGHT = 12, TOP = 14, BOTTOM = 30;

function element(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

export const utc = (milliseconds) => new Date(milliseconds).toISOString().slice(0, 16).replace("T", " ");

export const number = (value) =>
  Math.abs(value) >= 1e5 || (value !== 0 && Math.abs(value) < 1e-3)
    ? value.toExponential(2)
    : String(Math.round(value * 1000) / 1000);

/** Draw points [{time, value, grade}] into an svg element; times in epoch milliseconds, ascending. */
export function draw(svg, points) {
  svg.replaceChildren();
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  if (points.length === 0) return;
  let low = Infinity, high = -Infinity;
  for (const point of points) {
    low = Math.min(low, point.value);
    high = Math.max(high, point.value);
  }
  const first = points[0].time, last = points[points.length - 1].time;
  const x = (time) => LEFT + ((time - first) / (last - first || 1)) * (WIDTH - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - ((value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);

  for (const value of [low, (low + high) / 2, high]) {
    svg.append(element("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }));
    svg.append(element("text", { class: "axis", x: 6, y: y(value) + 4 }, number(value)));
  }
  for (const share of [0, 0.25, 0.5, 0.75]) {
    const time = first + share * (last - first);
    svg.append(element("text", { class: "axis", x: x(time), y: HEIGHT - 8 }, utc(time)));
  }
  const path = points.map((point, i) => `${i ? "L" : "M"}${x(point.time).toFixed(1)} ${y(point.value).toFixed(1)}`);
  svg.append(element("path", { class: "series", d: path.join("") }));
  for (const point of points) {
    if (!(point.grade > 0)) continue;
    const dot = element("circle", { class: "anomaly", cx: x(point.time), cy: y(point.value), r: 2.5 + 3.5 * point.grade });
    dot.append(element("title", {}, `${utc(point.time)} · grade ${number(point.grade)} · value ${number(point.value)}`));
    svg.append(dot);
  }
}
