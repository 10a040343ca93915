import { type Face, isRecord, type OllamaConnection } from "./connection.ts";
import { ollamaError } from "./errors.ts";
import { type RunnerOptions } from "./options.ts";

export interface EmbedCall {
  readonly model: string;
  readonly dimensions?: number;
  readonly truncate: boolean;
  readonly keepAliveSeconds: number;
  readonly runnerOptions?: RunnerOptions;
}

export interface EmbedAnswer {
  readonly vectors: number[][];
  readonly inputTokens: number;
}

/** One request for the vectors of some texts. @throws IntegrationError INVALID_OUTPUT if the answer does not fit them */
export async function requestEmbeddings(
  connection: OllamaConnection,
  face: Face,
  { model, dimensions, truncate, keepAliveSeconds, runnerOptions }: EmbedCall,
  texts: readonly string[],
  signal: AbortSignal,
): Promise<EmbedAnswer> {
  const common = { model, input: texts, ...(dimensions !== undefined && { dimensions }) };
  if (face === "openai") {
    const answer = await connection.work("/v1/embeddings", signal, { ...common, encoding_format: "float" });
    const rows = isRecord(answer) && Array.isArray(answer["data"]) ? answer["data"].filter(isRecord) : [];
    const ordered = rows.map((row, at) => ({ at: typeof row["index"] === "number" ? row["index"] : at, row }));
    ordered.sort((a, b) => a.at - b.at);
    const usage = isRecord(answer) && isRecord(answer["usage"]) ? answer["usage"] : {};
    return {
      vectors: checkVectors(
        ordered.map(({ row }) => row["embedding"]),
        texts.length,
      ),
      inputTokens: Number(usage["prompt_tokens"] ?? 0),
    };
  }
  const native = {
    ...common,
    truncate,
    keep_alive: keepAliveSeconds,
    ...(runnerOptions && { options: runnerOptions }),
  };
  const answer = await connection.work("/api/embed", signal, native);
  const { embeddings, prompt_eval_count: tokens } = isRecord(answer) ? answer : {};
  return {
    vectors: checkVectors(Array.isArray(embeddings) ? embeddings : [], texts.length),
    inputTokens: typeof tokens === "number" ? tokens : 0,
  };
}

/** One vector per text, all of one length, every number finite. */
function checkVectors(vectors: readonly unknown[], count: number): number[][] {
  if (vectors.length !== count) throw mismatch(`the server answered ${vectors.length} vectors for ${count} texts`);
  return vectors.map((vector, at) => {
    if (!Array.isArray(vector) || vector.length === 0 || !vector.every(Number.isFinite))
      throw mismatch(`vector ${at} of the answer is not a list of finite numbers`);
    const first = (vectors[0] as unknown[]).length;
    if (vector.length !== first)
      throw mismatch(`vector ${at} of the answer has ${vector.length} dimensions, the first has ${first}`);
    return vector as number[];
  });
}

export const mismatch = (message: string) => ollamaError("INVALID_OUTPUT", "dimension_mismatch", message);
