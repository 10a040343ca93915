import { isRecord, type OllamaConnection } from "./connection.ts";

/** An installed model. An OpenAI-compatible server tells the name alone. */
export interface InstalledModel {
  readonly name: string;
  readonly sizeBytes?: number;
  readonly digest?: string;
  readonly family?: string;
  readonly parameterSize?: string;
  readonly quantization?: string;
  readonly capabilities?: readonly string[];
  readonly modifiedAt?: string;
}

/** A model in memory. */
export interface LoadedModel {
  readonly name: string;
  readonly sizeBytes: number;
  /** Part of it in the memory of graphics cards. */
  readonly vramBytes: number;
  readonly contextLength?: number;
  readonly expiresAt?: string;
}

export async function installedModels(connection: OllamaConnection, signal: AbortSignal): Promise<InstalledModel[]> {
  if ((await connection.face(signal)) === "openai") {
    const answer = await connection.ask("/v1/models", signal);
    return records(answer, "data").flatMap(({ id }) => (typeof id === "string" ? [{ name: id }] : []));
  }
  return records(await connection.ask("/api/tags", signal), "models").map((model) => {
    const details = isRecord(model["details"]) ? model["details"] : {};
    return {
      name: String(model["name"]),
      ...pick("sizeBytes", model["size"], isNumber),
      ...pick("digest", model["digest"], isText),
      ...pick("family", details["family"], isText),
      ...pick("parameterSize", details["parameter_size"], isText),
      ...pick("quantization", details["quantization_level"], isText),
      ...pick("capabilities", model["capabilities"], isTexts),
      ...pick("modifiedAt", model["modified_at"], isText),
    };
  });
}

export async function loadedModels(connection: OllamaConnection, signal: AbortSignal): Promise<LoadedModel[]> {
  await connection.requireNative("The list of loaded models", signal);
  return records(await connection.ask("/api/ps", signal), "models").map((model) => ({
    name: String(model["name"]),
    sizeBytes: isNumber(model["size"]) ? model["size"] : 0,
    vramBytes: isNumber(model["size_vram"]) ? model["size_vram"] : 0,
    ...pick("contextLength", model["context_length"], isNumber),
    ...pick("expiresAt", model["expires_at"], isText),
  }));
}

/** @returns `<architecture>.embedding_length` of the model's facts, if they tell it */
export async function embeddingLength(
  connection: OllamaConnection,
  model: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const answer = await connection.ask("/api/show", signal, { model });
  const info = isRecord(answer) && isRecord(answer["model_info"]) ? answer["model_info"] : {};
  const found = Object.entries(info).find(([key]) => key.endsWith(".embedding_length"))?.[1];
  return isNumber(found) && found > 0 ? found : undefined;
}

/** Names are compared with their tag, `latest` unless told, and without case. */
export function sameModel(a: string, b: string): boolean {
  return canonicalName(a) === canonicalName(b);
}

export const canonicalName = (name: string): string => (/:[^/]*$/.test(name) ? name : `${name}:latest`).toLowerCase();

/** The named entries of an answer's list; what has no text for a name is left out. */
function records(answer: unknown, list: string): Readonly<Record<string, unknown>>[] {
  const entries: unknown = isRecord(answer) ? answer[list] : undefined;
  return Array.isArray(entries) ? entries.filter(isRecord).filter((each) => isText(each["name"] ?? each["id"])) : [];
}

const isText = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number";
const isTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText);

function pick<K extends string, T>(key: K, value: unknown, is: (value: unknown) => value is T): Partial<Record<K, T>> {
  return is(value) ? ({ [key]: value } as Record<K, T>) : {};
}
