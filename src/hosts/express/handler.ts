import { type IncomingMessage, type ServerResponse } from "node:http";
import { type RequestState } from "./request-state.ts";

/** What is used of Express's request. Structural: Express is an optional peer, and its route parameters stay inferred. */
export interface ExpressRequest extends IncomingMessage {
  readonly path: string;
  readonly baseUrl: string;
  /** The client's address, as the app's `trust proxy` sees it. */
  readonly ip?: string | undefined;
  integration?: RequestState;
  get(name: string): string | undefined;
}

export type Next = (error?: unknown) => void;

/** A middleware for Express 5, which hands a rejection on to the error handlers. */
export type Handler = (request: ExpressRequest, response: ServerResponse, next: Next) => void | Promise<void>;

export type ErrorHandler = (thrown: unknown, request: ExpressRequest, response: ServerResponse, next: Next) => void;

/** Answers with JSON text. */
export function sendJson(response: ServerResponse, status: number, value: unknown, type = "application/json"): void {
  send(response, status, JSON.stringify(value), `${type}; charset=utf-8`);
}

export function send(response: ServerResponse, status: number, text: string, contentType: string): void {
  response.statusCode = status;
  response.setHeader("Content-Type", contentType);
  response.setHeader("Content-Length", Buffer.byteLength(text));
  response.end(text);
}
