import { type Clock } from "../../core/index.ts";
import { readJson, readQuery, Refusal, reply } from "./answers.ts";
import { eventStream } from "./event-stream.ts";
import { checkOutputSchema } from "./output-schema.ts";
import { type Quirks } from "./quirks.ts";
import { batchRequest, listQuery, runIds, type RunRequest, runRequest } from "./requests.ts";
import { type RunEngine } from "./run-engine.ts";
import { type Run } from "./run.ts";
import { type Wallet } from "./wallet.ts";

export interface AgentOptions {
  readonly engine: RunEngine;
  readonly wallet: Wallet;
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly quirks: Quirks;
}

/** The agent's endpoints: four that create runs, five that read and cancel them, and the wallet. */
export class Agent {
  readonly #options: AgentOptions;
  #hidden = 0;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** @returns undefined for a path that is none of the agent's */
  handle(request: Request): Promise<Response> | Response | undefined {
    const { pathname } = new URL(request.url);
    switch (`${request.method} ${pathname}`) {
      case "POST /v1/automation/run":
        return this.#runSync(request);
      case "POST /v1/automation/run-async":
        return this.#runAsync(request);
      case "POST /v1/automation/run-sse":
        return this.#runStream(request);
      case "POST /v1/automation/run-batch":
        return this.#runBatch(request);
      case "GET /v1/runs":
        return this.#list(request);
      case "POST /v1/runs/batch":
        return this.#getMany(request);
      case "POST /v1/runs/batch/cancel":
        return this.#cancelMany(request);
      case "GET /v1/wallet":
        return this.#wallet();
    }
    const [, id = "", action] = /^\/v1\/runs\/([A-Za-z0-9_-]+)(\/cancel)?$/.exec(pathname) ?? [];
    if (id !== "" && request.method === "GET" && action === undefined) return this.#reply(this.#find(id).toWire());
    if (id !== "" && request.method === "POST" && action !== undefined)
      return this.#reply(this.#cancel(this.#find(id)));
    return undefined;
  }

  async #runSync(request: Request): Promise<Response> {
    const run = this.#options.engine.create(this.#admit(await readJson(request, runRequest)), "sync");
    await run.over();
    // A failed run is answered with 500 and the run itself, not with an error envelope.
    return this.#reply(run.toRunResult(), run.status === "COMPLETED" ? 200 : 500);
  }

  async #runAsync(request: Request): Promise<Response> {
    const run = this.#options.engine.create(this.#admit(await readJson(request, runRequest)), "async");
    return this.#reply({ run_id: run.id, error: null });
  }

  async #runStream(request: Request): Promise<Response> {
    const run = this.#options.engine.create(this.#admit(await readJson(request, runRequest)), "sse");
    return eventStream(run, this.#options);
  }

  async #runBatch(request: Request): Promise<Response> {
    const { runs, output_schema } = await readJson(request, batchRequest);
    const admitted = runs.map((run) => this.#admit({ ...run, output_schema }));
    return this.#reply({ run_ids: admitted.map((run) => this.#options.engine.create(run, "batch").id), error: null });
  }

  /** @throws Refusal for what the account may not do, before anything is created */
  #admit(request: RunRequest): RunRequest {
    const { quirks, wallet } = this.#options;
    if (wallet.isEmpty) throw new Refusal(403, "INSUFFICIENT_CREDITS", "the wallet is empty; top it up");
    if (quirks.betaGates && request.output_schema)
      throw new Refusal(403, "FORBIDDEN", "output_schema is not enabled for this account");
    if (quirks.betaGates && request.agent_config?.max_steps !== undefined)
      throw new Refusal(403, "FORBIDDEN", "max_steps is not enabled for this account");
    const problems = request.output_schema ? checkOutputSchema(request.output_schema) : [];
    if (problems.length > 0) throw new Refusal(400, "INVALID_INPUT", problems.join("; "));
    if (request.profile_id !== undefined && request.use_profile !== true)
      throw new Refusal(400, "INVALID_INPUT", "profile_id requires use_profile: true");
    if (request.credential_item_ids && request.use_vault !== true)
      throw new Refusal(400, "INVALID_INPUT", "credential_item_ids requires use_vault: true");
    return request;
  }

  #list(request: Request): Response {
    const query = readQuery(request, listQuery);
    const { quirks, engine } = this.#options;
    const page = engine.list(query);
    const isHidden = this.#hidden < quirks.listLag;
    if (isHidden) this.#hidden += 1;
    const data = isHidden ? [] : page.data.map((run) => run.summary());
    const pagination = { total: page.total, next_cursor: page.nextCursor, has_more: page.nextCursor !== null };
    return this.#reply({ data, pagination });
  }

  async #getMany(request: Request): Promise<Response> {
    const { found, missing } = this.#findMany((await readJson(request, runIds)).run_ids);
    return this.#reply({ data: found.map((run) => run.toWire()), not_found: missing });
  }

  async #cancelMany(request: Request): Promise<Response> {
    const { found, missing } = this.#findMany((await readJson(request, runIds)).run_ids);
    return this.#reply({ results: found.map((run) => this.#cancel(run)), not_found: missing });
  }

  #cancel(run: Run): object {
    const { cancelled, message } = this.#options.engine.cancel(run);
    if (!cancelled && !run.isOver) throw new Refusal(400, "INVALID_INPUT", message ?? "the run cannot be cancelled");
    const at = cancelled ? new Date(run.finishedAt!).toISOString() : null;
    return { run_id: run.id, status: run.status, cancelled_at: at, message };
  }

  #wallet(): Response {
    const { quirks, wallet, clock } = this.#options;
    if (quirks.legacyAccount) throw new Refusal(404, "NOT_FOUND", "this account has no wallet");
    return this.#reply(wallet.toWire(clock.wallNow()));
  }

  #find(id: string): Run {
    const run = this.#options.engine.get(id);
    if (!run) throw new Refusal(404, "NOT_FOUND", `there is no run ${id}`);
    return run;
  }

  #findMany(ids: readonly string[]): { found: Run[]; missing: string[] | null } {
    const found = ids.map((id) => this.#options.engine.get(id)).filter((run) => run !== undefined);
    const missing = ids.filter((id) => !this.#options.engine.get(id));
    return { found, missing: missing.length > 0 ? missing : null };
  }

  #reply(value: unknown, status = 200): Response {
    return reply(value, this.#options.quirks, status);
  }
}
