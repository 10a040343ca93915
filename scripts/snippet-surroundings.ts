// What the snippets of the docs and of doc comments take as given; scripts/check-docs.mjs hands each what it names.
import { type McpServer as McpServerClass } from "@modelcontextprotocol/server";
import { type Hash } from "node:crypto";
import type corsPackage from "cors";
import { type Express, type Request, type RequestHandler, type Response } from "express";
import { type Redis as RedisClass } from "ioredis";
import { type Readable as ReadableClass } from "node:stream";
import { type pipeline as streamPipeline } from "node:stream/promises";
import type postgres from "pg";
import { type expect as vitestExpect } from "vitest";
import { type z as zod, type ZodNumber, type ZodObject } from "zod";
import {
  type CircuitBreaker,
  type Clock,
  type Config,
  type EventBus,
  type Integration,
  type MonitoringSystem,
  type NeonClient,
  type OllamaClient,
  type Row,
  type SupabaseClient,
} from "enhanced-integration";
import { type LocalStack } from "enhanced-integration/local";

export declare const address: string;
export declare const apiKey: string;
export declare const bearerToken: string;
export declare const body: Uint8Array;
export declare const callId: string;
export declare const connectionString: string;
export declare const email: string;
export declare const hash: Hash;
export declare const limit: number;
export declare const password: string;
export declare const prompt: string;
export declare const publishableKey: string;
export declare const rows: { id: string; price: number }[];
export declare const secretKey: string;
export declare const signal: AbortSignal;
export declare const token: string;
export declare const url: string;
export declare const userId: string;
export declare const zip: string;
export declare const zipcode: string;

export declare const House: ZodObject<{ price: ZodNumber }>;
export declare const cached: unknown;
export declare const autocomplete: RequestHandler;
export declare const listFavourites: RequestHandler;
export declare const search: RequestHandler & { ping(options: { signal: AbortSignal }): Promise<void> };
export declare const call: () => Promise<void>;
export declare const fetchPage: (...args: unknown[]) => Promise<string>;
export declare const geocode: (address: string, options?: object) => Promise<string>;
export declare const lookUp: (address: string, options?: object) => Promise<string>;
export declare const operatorOf: (request: { headers: unknown }) => { name: string } | undefined;
export declare const send: (row: Row) => Promise<void>;
export declare const sleep: (ms: number, clock?: Clock) => Promise<void>;

export declare const breaker: CircuitBreaker;
export declare const bus: EventBus;
export declare const config: Config;
export declare const integration: Integration;
export declare const monitoring: MonitoringSystem;
export declare const neon: NeonClient;
export declare const ollama: OllamaClient;
export declare const stack: LocalStack;
export declare const supabase: SupabaseClient;

export declare const app: Express;
export declare const request: Request;
export declare const response: Response;
export declare const cors: typeof corsPackage;
export declare const expect: typeof vitestExpect;
export declare const McpServer: typeof McpServerClass;
export declare const pg: typeof postgres;
export declare const pipeline: typeof streamPipeline;
export declare const Readable: typeof ReadableClass;
export declare const redis: RedisClass;
export declare const Redis: typeof RedisClass;
export declare const z: typeof zod;
