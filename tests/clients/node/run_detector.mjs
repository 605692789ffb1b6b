// Runs a detector over a range of time and prints its results as JSON, one array.
// Uses nothing of anomalyd but its .proto files.
//
//   node run_detector.mjs ADDRESS PROTO_FOLDER DETECTOR_ID START_MS END_MS
import process from "node:process";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";

const [address, protoFolder, detectorId, start, end] = process.argv.slice(2);

const definition = protoLoader.loadSync(
  ["detector_service", "task_service", "result_service"].map((name) => `anomalyd/v1/${name}.proto`),
  // int64 as numbers: epoch milliseconds are exact in a double
  { keepCase: true, longs: Number, enums: String, arrays: true, includeDirs: [protoFolder] },
);
const { v1 } = grpc.loadPackageDefinition(definition).anomalyd;

/** A client whose methods return promises; every call has a deadline. */
function client(Service) {
  const stub = new Service(address, grpc.credentials.createInsecure(), { "grpc.max_receive_message_length": 64 << 20 });
  return (method, request) =>
    new Promise((resolve, reject) => {
      stub[method](request, { deadline: Date.now() + 30_000 }, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
}

/** A JavaScript value as google.protobuf.Value. */
function value(plain) {
  if (plain === null) return { nullValue: 0 };
  if (Array.isArray(plain)) return { listValue: { values: plain.map(value) } };
  if (typeof plain === "object") return { structValue: struct(plain) };
  if (typeof plain === "number") return { numberValue: plain };
  if (typeof plain === "boolean") return { boolValue: plain };
  return { stringValue: plain };
}

/** A JavaScript object as google.protobuf.Struct. */
const struct = (plain) => ({ fields: Object.fromEntries(Object.entries(plain).map(([key, item]) => [key, value(item)])) });

const detectors = client(v1.DetectorService);
const tasks = client(v1.TaskService);
const results = client(v1.ResultService);

const started = await detectors("StartDetector", {
  id: detectorId,
  date_range: { start_time: Number(start), end_time: Number(end) },
});

let task;
do {
  await new Promise((resolve) => setTimeout(resolve, 100));
  ({ task } = await tasks("GetTask", { id: started.id }));
} while (!["TASK_STATE_FINISHED", "TASK_STATE_FAILED", "TASK_STATE_STOPPED"].includes(task.state));
if (task.state !== "TASK_STATE_FINISHED") throw new Error(`${task.state}: ${task.error}`);

const answer = await results("SearchResults", {
  body: {
    size: 10_000,
    query: struct({ bool: { filter: [{ term: { task_id: started.id } }] } }),
    sort: [value({ data_start_time: "asc" })],
  },
});
const rows = answer.hits.hits.map(({ source }) => ({
  data_start_time: source.data_start_time,
  data_end_time: source.data_end_time,
  anomaly_score: source.anomaly_score,
  anomaly_grade: source.anomaly_grade,
  confidence: source.confidence,
  feature_data: source.feature_data.map((feature) => feature.data),
  entity: source.entity.map((category) => category.value),
}));
// open channels would keep the program alive
process.stdout.write(JSON.stringify({ task_id: started.id, results: rows }), () => process.exit(0));
