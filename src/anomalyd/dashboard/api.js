// The public REST API, as any other client would call it.
const PREFIX = "/_anomaly_detection/api";

async function call(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error?.reason ?? `HTTP ${response.status}`);
  return answer;
}

const filterQuery = (filters) => ({ bool: { filter: filters } });

const entityFilters = (entity) =>
  Object.entries(entity).map(([name, value]) => ({
    nested: {
      path: "entity",
      query: filterQuery([{ term: { "entity.name": name } }, { term: { "entity.value": value } }]),
    },
  }));

/** All detectors, by name: [{id, detector}]. */
export async function detectors() {
  const answer = await call(`${PREFIX}/detectors/_search`, { query: { match_all: {} }, size: 1000 });
  return answer.hits.hits
    .map((hit) => ({ id: hit._id, detector: hit._source }))
    .sort((a, b) => a.detector.name.localeCompare(b.detector.name));
}

/** The latest historical task of a detector, or null: {id, task}. */
export async function latestTask(detectorId) {
  const answer = await call(`${PREFIX}/detectors/tasks/_search`, {
    size: 1,
    query: filterQuery([
      { term: { detector_id: detectorId } },
      { terms: { task_type: ["HISTORICAL_SINGLE_ENTITY", "HISTORICAL_HC_DETECTOR"] } },
      { term: { is_latest: true } },
    ]),
    sort: [{ execution_start_time: "desc" }],
  });
  const hit = answer.hits.hits[0];
  return hit ? { id: hit._id, task: hit._source } : null;
}

/** The entities with the highest grades: [{key, doc_count, max_anomaly_grade}]. */
export async function topEntities(detectorId, task) {
  const range = task.task.detection_date_range;
  const answer = await call(`${PREFIX}/detectors/${detectorId}/results/_topAnomalies?historical=true`, {
    size: 12,
    task_id: task.id,
    start_time_ms: range.start_time,
    end_time_ms: range.end_time,
  });
  return answer.buckets;
}

/** Results of one task and entity in time order: the newest 10,000 at most. */
export async function results(detectorId, taskId, entity = {}) {
  const answer = await call(`${PREFIX}/detectors/results/_search`, {
    size: 10000,
    query: filterQuery([
      { term: { detector_id: detectorId } },
      { term: { task_id: taskId } },
      ...entityFilters(entity),
    ]),
    sort: [{ data_start_time: "desc" }],
  });
  return answer.hits.hits.map((hit) => hit._source).reverse();
}
