// Each kind of event, by a client whose types are generated from the served document: what does not compile fails, too.
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

const [url, text] = process.argv.slice(2) as [string, string];
const [call, used] = JSON.parse(text) as [components["schemas"]["CallEnded"], components["schemas"]["UsageRecorded"]];
const client = createClient<paths>({ baseUrl: url, headers: { authorization: "Bearer tk_test" } });

function tell(way: string, answered: { response: Response; data?: unknown; error?: unknown }): void {
  console.log(JSON.stringify([way, answered.response.status, answered.data ?? answered.error]));
}

const single = { headers: { "content-type": "application/cloudevents+json" } };
const batch = { headers: { "content-type": "application/cloudevents-batch+json" } };
const binary = { "ce-specversion": "1.0", "ce-id": call.id, "ce-source": call.source, "ce-type": call.type };

tell("generated, call.ended", await client.POST("/v1/events", { ...single, body: call }));
tell("generated, usage.recorded", await client.POST("/v1/events", { ...single, body: used }));
tell("generated, plain JSON", await client.POST("/v1/events", { body: call }));
tell("generated, batch", await client.POST("/v1/events", { ...batch, body: [call, used] }));
tell("generated, binary", await client.POST("/v1/events", { params: { header: binary }, body: call.data }));
