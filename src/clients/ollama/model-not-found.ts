import { IntegrationError } from "../../core/index.ts";
import { type OllamaConnection } from "./connection.ts";
import { nearestModels, ollamaError } from "./errors.ts";
import { installedModels } from "./models.ts";

/** "Not found" is of more use with the names that are there. Any other failure passes as it is. */
export async function withNearestModels(
  thrown: unknown,
  model: string,
  connection: OllamaConnection,
  signal: AbortSignal,
): Promise<unknown> {
  if (!IntegrationError.isInstance(thrown) || thrown.details?.["kind"] !== "model_not_found") return thrown;
  try {
    const installed = (await installedModels(connection, signal)).map(({ name }) => name);
    const nearest = nearestModels(model, installed);
    const told =
      nearest.length > 0 ? `did you mean ${nearest.join(" or ")}?` : `installed: ${installed.join(", ") || "none"}`;
    const message = `the model ${model} is not installed; ${told} Or run: ollama pull ${model}`;
    return ollamaError("NOT_FOUND", "model_not_found", message, { cause: thrown, details: { model, nearest } });
  } catch {
    return thrown;
  }
}
