import { createRequire } from "node:module";
import { pino, type Logger as PinoLogger, stdSerializers } from "pino";
import { type Clock, IntegrationError, type Logger, type Secret, systemClock } from "../../core/index.ts";
import { escapeControls, exposeEscapes } from "./control-characters.ts";
import { createRedactor } from "./redaction.ts";
import { RotatingFile, type RotatingFileOptions } from "./rotating-file.ts";

export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Takes finished lines. */
export interface LogDestination {
  write(line: string): unknown;
  close?(): void;
}

export interface CreateLoggerOptions {
  /** Lines below it are not written. @defaultValue "info" */
  readonly level?: LogLevel | undefined;
  /** `pretty` is for people and needs the package pino-pretty. @defaultValue "json" */
  readonly format?: "json" | "pretty" | undefined;
  /**
   * `stdout`, `stderr` (a stdio MCP server must leave stdout alone), a file with rotation, or anything with `write`.
   * @defaultValue "stdout"
   */
  readonly destination?: "stdout" | "stderr" | RotatingFileOptions | LogDestination | undefined;
  /** The application; in every line. */
  readonly name?: string | undefined;
  /** Its version; in every line. */
  readonly version?: string | undefined;
  /** Values that must never be written, in whatever field or text they turn up. Shorter than 6 characters: ignored. */
  readonly secrets?: readonly (Secret | string)[] | undefined;
  /** What every line says beside its own fields, asked for at each, e.g. the ids of the trace. A line's own fields win. */
  readonly fields?: (() => object) | undefined;
  /** Dates the lines. @defaultValue the system's */
  readonly clock?: Clock | undefined;
}

/** pino's logger, plus an end. */
export type IntegrationLogger = PinoLogger & Logger & { close(): void };

/**
 * A pino logger whose every line is cleaned before it is written: no configured secret, no forged line, no terminal
 * escape.
 *
 * @throws IntegrationError INVALID_INPUT for an unknown level, format or destination, or when pino-pretty is missing
 * @example
 * const logger = createLogger({ level: "info", name: "listings", secrets: [apiKey] });
 * logger.warn({ callId }, "the call failed");
 */
export function createLogger(options: CreateLoggerOptions = {}): IntegrationLogger {
  const { level = "info", format = "json", clock = systemClock, fields } = options;
  checkChoices({ level, format });
  const destination = openDestination(options.destination ?? "stdout");
  const redact = createRedactor(options.secrets ?? []);
  const print = format === "pretty" ? prettyPrinter() : undefined;
  const stream = {
    write(line: string): void {
      const clean = redact(escapeControls(line));
      destination.write(print ? print(exposeEscapes(clean)) : clean);
    },
  };
  const logger = pino(
    {
      level,
      base: {
        ...(options.name !== undefined && { name: options.name }),
        ...(options.version !== undefined && { version: options.version }),
      },
      ...(fields && { mixin: fields }),
      timestamp: () => `,"time":"${new Date(clock.wallNow()).toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: stdSerializers.errWithCause, error: stdSerializers.errWithCause },
    },
    stream,
  );
  return Object.assign(logger, { close: () => destination.close?.() });
}

function checkChoices({ level, format }: { level: LogLevel; format: string }): void {
  const problems = [
    ...(logLevels.includes(level)
      ? []
      : [`level must be one of ${logLevels.join(", ")}, got ${JSON.stringify(level)}`]),
    ...(["json", "pretty"].includes(format) ? [] : [`format must be json or pretty, got ${JSON.stringify(format)}`]),
  ];
  if (problems.length > 0)
    throw new IntegrationError({ code: "INVALID_INPUT", message: `createLogger: ${problems.join("; ")}` });
}

function openDestination(destination: NonNullable<CreateLoggerOptions["destination"]>): LogDestination {
  if (destination === "stdout") return pino.destination({ dest: 1, sync: true });
  if (destination === "stderr") return pino.destination({ dest: 2, sync: true });
  if (typeof destination === "object" && "write" in destination) return destination;
  if (typeof destination === "object" && typeof destination.path === "string") return new RotatingFile(destination);
  throw new IntegrationError({
    code: "INVALID_INPUT",
    message: `createLogger: destination must be "stdout", "stderr", { path } or have a write method, got ${JSON.stringify(destination)}`,
  });
}

/** Loads pino-pretty when it is wanted: an optional peer. */
export function prettyPrinter(
  load: (id: string) => unknown = createRequire(import.meta.url),
): (line: string) => string {
  let module: { prettyFactory(options: object): (line: string) => string };
  try {
    module = load("pino-pretty") as typeof module;
  } catch (cause) {
    throw new IntegrationError({
      code: "INVALID_INPUT",
      message:
        "The log format pretty needs the package pino-pretty: npm install pino-pretty, or choose the format json",
      cause,
    });
  }
  return module.prettyFactory({ colorize: false, translateTime: false });
}
