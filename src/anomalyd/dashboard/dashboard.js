import * as api from "./api.js";
import { draw, number, utc } from "./chart.js";

const byId = (id) => document.getElementById(id);

function button(label, detail, onClick) {
  const node = document.createElement("button");
  node.textContent = label;
  const small = document.createElement("small");
  small.textContent = detail;
  node.append(small);
  node.addEventListener("click", () => {
    for (const other of node.closest("ul, ol").querySelectorAll("button")) other.removeAttribute("aria-current");
    node.setAttribute("aria-current", "true");
    guard(onClick());
  });
  const item = document.createElement("li");
  item.append(node);
  return item;
}

const say = (text) => { byId("status").textContent = text; };
const guard = (promise) => promise.catch((error) => say(`failed: ${error.message}`));

const intervalText = (detector) => {
  const { interval, unit } = detector.detection_interval.period;
  return `${interval} ${unit.toLowerCase()}`;
};

async function showSeries(id, detector, task, entity) {
  const results = await api.results(id, task.id, entity);
  const scored = results.filter((result) => result.feature_data?.length);
  const points = scored.map((result) => ({
    time: result.data_start_time,
    value: result.feature_data[0].data,
    grade: result.anomaly_grade ?? 0,
  }));
  const name = Object.values(entity).join(" · ");
  byId("chart-title").textContent = `${scored[0]?.feature_data[0].feature_name ?? "no results"}${name ? ` — ${name}` : ""}`;
  byId("chart-caption").textContent =
    `${points.length} intervals of ${intervalText(detector)}; dots are anomalies, larger with the grade.`;
  draw(byId("chart"), points);
  const rows = scored.filter((result) => result.anomaly_grade > 0).sort((a, b) => b.anomaly_grade - a.anomaly_grade);
  byId("anomalies").replaceChildren(...rows.slice(0, 50).map((result) => {
    const row = document.createElement("tr");
    const values = result.feature_data.map((feature) => `${feature.feature_name} ${number(feature.data)}`).join(", ");
    for (const text of [utc(result.data_start_time), number(result.anomaly_grade), number(result.anomaly_score),
      number(result.confidence), values]) row.insertCell().textContent = text;
    return row;
  }));
}

async function showDetector({ id, detector }) {
  const task = await api.latestTask(id);
  byId("detector").hidden = false;
  byId("detector-name").textContent = detector.name;
  byId("detector-facts").textContent = `${detector.indices.join(", ")} · every ${intervalText(detector)} · ` +
    (task ? `historical analysis ${task.task.state} (${Math.round(100 * task.task.task_progress)} %)` : "never analysed");
  const hasEntities = Boolean(detector.category_field?.length);
  byId("entities").hidden = !hasEntities;
  if (!task) { draw(byId("chart"), []); byId("anomalies").replaceChildren(); return; }
  if (!hasEntities) { await showSeries(id, detector, task, {}); return; }
  const buckets = await api.topEntities(id, task);
  byId("entity-list").replaceChildren(...buckets.map((bucket) => button(
    Object.values(bucket.key).join(" · "),
    `${bucket.doc_count} anomalies, grade up to ${number(bucket.max_anomaly_grade)}`,
    () => showSeries(id, detector, task, bucket.key),
  )));
  byId("entity-list").querySelector("button")?.click();
}

async function start() {
  const detectors = await api.detectors();
  say(`${detectors.length} detector${detectors.length === 1 ? "" : "s"}`);
  byId("empty").hidden = detectors.length > 0;
  byId("detectors").replaceChildren(...detectors.map((entry) => button(
    entry.detector.name,
    entry.detector.category_field?.length ? `per ${entry.detector.category_field.join(", ")}` : "one series",
    () => showDetector(entry),
  )));
  byId("detectors").querySelector("button")?.click();
}

guard(start());
