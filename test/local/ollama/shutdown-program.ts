/** Uses all parts in plain Node, closes them, and must then end by itself. Run by shutdown.test.ts. */
import { OllamaClient } from "../../../src/clients/ollama/index.ts";
import { IntegrationError } from "../../../src/core/index.ts";
import { FaultPlan } from "../../../src/local/faults.ts";
import { startOllamaStandIn } from "../../../src/local/ollama/index.ts";

const standIn = await startOllamaStandIn({ faults: new FaultPlan() });
const { OLLAMA_BASE_URL: baseUrl, OLLAMA_DEFAULT_MODEL: model, OLLAMA_EMBED_MODEL: embedModel } = standIn.env;
const client = new OllamaClient({ baseUrl, model, embedModel });
const [vector] = await client.embed(["a quiet garden"]);
standIn.breakStream({ kind: "stall" });
const messages = [{ role: "user", content: "The sky is blue. What colour is the sky?" }] as const;
const stream = client.stream({ messages });
const first = await stream.next();
await client.close();
const failure: unknown = await stream.next().catch((error: unknown) => error);
await standIn.close();
console.log(
  JSON.stringify({
    dimensions: vector!.length,
    firstWord: first.done ? undefined : first.value.text,
    afterClose: IntegrationError.isInstance(failure) ? failure.code : failure,
    embedder: standIn.embedder,
  }),
);
