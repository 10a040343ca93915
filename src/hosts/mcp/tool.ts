import { type z } from "zod";

/** A tool as this package describes it, once, for both generations of the SDK. */
export interface Tool<Input extends z.ZodObject = z.ZodObject, Output extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Made once per process: the SDK keeps what it derives from a schema by the schema's identity. */
  readonly input: Input;
  readonly output: Output;
  readonly annotations: {
    readonly readOnlyHint: boolean;
    readonly destructiveHint: boolean;
    readonly idempotentHint: boolean;
    readonly openWorldHint: boolean;
  };
  /** Longest time that the tool's calls may take, ms. */
  readonly deadlineMs: number;
  /** The named limit that each use is charged to, for the tenant. */
  readonly limit?: "search" | "scraping";
  /** True if the answer holds text from web pages, which the model must not take for instructions. */
  readonly untrusted: boolean;
  /** @returns what `output` parses; what it does not name is left out */
  run(input: z.infer<Input>, context: ToolContext): Promise<unknown>;
}

export interface ToolContext {
  /** Fires when the client cancels or goes away. */
  readonly signal: AbortSignal;
  /** Whose listings are seen and written. */
  readonly tenant?: string | undefined;
}
