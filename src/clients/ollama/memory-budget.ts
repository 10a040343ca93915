import { type OllamaConnection } from "./connection.ts";
import { ollamaError } from "./errors.ts";
import { canonicalName, installedModels, loadedModels, sameModel } from "./models.ts";
import { Permits } from "./permits.ts";

/**
 * Keeps loaded models within a number of bytes. The server has no such bound; this one is kept by asking before a model
 * is loaded, and by unloading models that nobody of this client uses. Two clients can still overshoot together.
 */
export class MemoryBudget {
  readonly #connection: OllamaConnection;
  readonly #budgetBytes: number;
  /** Calls that use a model now, by canonical name. */
  readonly #users = new Map<string, number>();
  readonly #turn = new Permits({ permits: 1, what: "memory check" });

  constructor(connection: OllamaConnection, budgetBytes: number) {
    this.#connection = connection;
    this.#budgetBytes = budgetBytes;
  }

  /**
   * Marks the model as used, once there is room for it.
   *
   * @returns a function that ends the use
   * @throws IntegrationError BUDGET_EXHAUSTED kind `memory_budget` if the model cannot have room
   */
  async enter(model: string, signal: AbortSignal): Promise<() => void> {
    if (this.#budgetBytes === Infinity) return () => undefined;
    const name = canonicalName(model);
    const count = (change: number) => {
      const users = (this.#users.get(name) ?? 0) + change;
      if (users > 0) this.#users.set(name, users);
      else this.#users.delete(name);
    };
    // One at a time: two models that are admitted together would each overlook the other.
    await this.#turn.use(signal, async () => {
      if (!this.#users.has(name)) await this.#makeRoom(model, signal);
      count(1);
    });
    return () => count(-1);
  }

  async #makeRoom(model: string, signal: AbortSignal): Promise<void> {
    if ((await this.#connection.face(signal)) !== "native") return;
    const loaded = await loadedModels(this.#connection, signal);
    if (loaded.some(({ name }) => sameModel(name, model))) return;
    const installed = await installedModels(this.#connection, signal);
    const needed = installed.find(({ name }) => sameModel(name, model))?.sizeBytes;
    if (needed === undefined) return; // not there: the call itself will say so, with the nearest names

    // What this client uses counts even before the server has loaded it.
    const loading = installed.filter(
      ({ name }) => this.#users.has(canonicalName(name)) && !loaded.some((each) => sameModel(each.name, name)),
    );
    let taken = [...loaded, ...loading].reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0);
    const idle = loaded
      .filter(({ name }) => !this.#users.has(canonicalName(name)))
      .sort((a, b) => (a.expiresAt ?? "").localeCompare(b.expiresAt ?? ""));
    const removable = idle.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (taken - removable + needed > this.#budgetBytes) throw this.#refusal(model, needed, taken);
    for (const { name, sizeBytes } of idle) {
      if (taken + needed <= this.#budgetBytes) return;
      await this.#connection.work("/api/generate", signal, { model: name, keep_alive: 0, stream: false });
      taken -= sizeBytes;
    }
  }

  #refusal(model: string, needed: number, taken: number) {
    const message = `loading ${model} needs ${needed} bytes beside ${taken} in use, above the budget of ${this.#budgetBytes}; wait for other models to finish, choose a smaller one, or raise LLAMA_MEMORY_RESERVE_SIZE`;
    return ollamaError("BUDGET_EXHAUSTED", "memory_budget", message);
  }
}
