import { describeThrown } from "../../core/index.ts";
import { type Face, isRecord, type OllamaConnection } from "./connection.ts";
import { installedModels, type LoadedModel, loadedModels, sameModel } from "./models.ts";

export interface OllamaHealth {
  /** `degraded`: the server answers, but a model that this client needs is not there. */
  readonly status: "up" | "degraded" | "down";
  /** What is wrong and what to do; absent when all is well. */
  readonly message?: string;
  readonly face?: Face;
  readonly version?: string;
  readonly loaded: readonly LoadedModel[];
  readonly missingModels: readonly string[];
}

/** Asks the server directly, past every policy: a breaker that is open must not hide that the server is back. */
export async function checkHealth(
  connection: OllamaConnection,
  needed: readonly string[],
  signal: AbortSignal,
): Promise<OllamaHealth> {
  try {
    const face = await connection.face(signal);
    const native = face === "native";
    const [installed, loaded, version] = await Promise.all([
      installedModels(connection, signal),
      native ? loadedModels(connection, signal) : [],
      native ? connection.ask("/api/version", signal) : undefined,
    ]);
    const missingModels = needed.filter((model) => !installed.some(({ name }) => sameModel(name, model)));
    const told = isRecord(version) && typeof version["version"] === "string" ? { version: version["version"] } : {};
    return {
      status: missingModels.length === 0 ? "up" : "degraded",
      face,
      ...told,
      loaded,
      missingModels,
      ...(missingModels.length > 0 && { message: `not installed: ${missingModels.join(", ")}; run ollama pull` }),
    };
  } catch (thrown) {
    return { status: "down", message: describeThrown(thrown), loaded: [], missingModels: [] };
  }
}
