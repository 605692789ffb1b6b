// Reads a job's influencers with Elastic's own client, unmodified, and prints them as JSON.
//
//   node get_influencers.mjs REST_ADDRESS JOB
import process from "node:process";
import { Client } from "@elastic/elasticsearch";

const [node, job] = process.argv.slice(2);
const client = new Client({ node });
const page = { from: 0, size: 50 };
const all = await client.ml.getInfluencers({ job_id: job, page });
const narrowed = await client.ml.getInfluencers({
  job_id: job,
  sort: "timestamp",
  desc: false,
  influencer_score: 1,
  exclude_interim: true,
});
const records = await client.ml.getRecords({ job_id: job, page });
const buckets = await client.ml.getBuckets({ job_id: job, anomaly_score: 1 });
const unknown = await client.ml.getInfluencers({ job_id: "nobody" }).catch((error) => error);
process.stdout.write(
  JSON.stringify({ all, narrowed, records, buckets, unknown: { status: unknown.statusCode, type: unknown.body.error.type } }),
);
