import { randomUUID } from "node:crypto";
import { type ResultProblem } from "./validate-result.ts";
import { type RunRequest } from "./requests.ts";

export type RunKind = "sync" | "async" | "sse" | "batch";
export type RunStatus = "PENDING" | "RUNNING" | "COMPLETED" | "FAILED" | "CANCELLED";

export interface RunError {
  readonly code: string;
  readonly message: string;
  readonly category: string;
  readonly retry_after: number | null;
  readonly help_url?: string;
  readonly help_message?: string;
}

export interface RunStep {
  readonly id: string;
  readonly timestamp: string;
  readonly status: string;
  readonly action: string | null;
  readonly screenshot: null;
  readonly duration: string | null;
}

/** One run's life: what it was asked, where it stands, what it found. Its changes can be waited for. */
export class Run {
  readonly id = `run_${randomUUID().replaceAll("-", "")}`;
  readonly request: RunRequest;
  readonly kind: RunKind;
  readonly createdAt: number;
  readonly stopped = new AbortController();
  /** What the event stream has said so far. */
  readonly events: object[] = [];
  readonly steps: RunStep[] = [];
  status: RunStatus = "PENDING";
  startedAt: number | null = null;
  finishedAt: number | null = null;
  result: Record<string, unknown> | null = null;
  schemaValidation: { valid: boolean; re_prompt_attempts: number; errors: readonly ResultProblem[] } | null = null;
  error: RunError | null = null;
  readonly #watchers = new Set<() => void>();

  constructor(request: RunRequest, kind: RunKind, createdAt: number) {
    this.request = request;
    this.kind = kind;
    this.createdAt = createdAt;
  }

  get isOver(): boolean {
    return this.finishedAt !== null;
  }

  /** Calls `watcher` after each change until it is unsubscribed. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher);
    return () => void this.#watchers.delete(watcher);
  }

  /** Resolves when the run is over. */
  async over(): Promise<void> {
    if (this.isOver) return;
    await new Promise<void>((resolve) => {
      const unwatch = this.watch(() => {
        if (!this.isOver) return;
        unwatch();
        resolve();
      });
    });
  }

  say(event: object): void {
    this.events.push(event);
    this.changed();
  }

  changed(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** An entry of the list. */
  summary(): object {
    return {
      run_id: this.id,
      status: this.status,
      goal: this.request.goal,
      created_at: iso(this.createdAt),
      started_at: iso(this.startedAt),
      finished_at: iso(this.finishedAt),
      num_of_steps: this.isOver ? this.steps.length : null,
      result: this.result,
      schema_validation: this.schemaValidation,
      error: this.error,
      streaming_url: null,
      browser_config: {
        proxy_enabled: this.request.proxy_config?.enabled ?? false,
        proxy_country_code: this.request.proxy_config?.country_code ?? null,
      },
    };
  }

  /** The whole run, as `GET /v1/runs/{id}` answers. */
  toWire(): object {
    const schema = this.request.output_schema;
    return { ...this.summary(), ...(schema && { output_schema: schema }), video_url: null, steps: this.steps };
  }

  /** The answer of the synchronous endpoint. */
  toRunResult(): object {
    return {
      run_id: this.id,
      status: this.status,
      started_at: iso(this.startedAt),
      finished_at: iso(this.finishedAt),
      num_of_steps: this.steps.length,
      result: this.result,
      schema_validation: this.schemaValidation,
      error: this.error,
    };
  }
}

function iso(wallMs: number | null): string | null {
  return wallMs === null ? null : new Date(wallMs).toISOString();
}
