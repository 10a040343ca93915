import Queues from "bottleneck/lib/Queues.js";
import { type Priority } from "../core/index.ts";

/** Who goes when the line is full: the newcomer, or somebody of the same or a lower priority who waits already. */
export type DropPolicy = "reject-newest" | "drop-oldest" | "drop-lowest-priority";

export const dropPolicies: readonly DropPolicy[] = ["reject-newest", "drop-oldest", "drop-lowest-priority"];

/** Where somebody stands in a line. */
export interface Place {
  /** @defaultValue "normal" */
  readonly priority?: Priority | undefined;
  /** Those of one priority take turns by tenant. @defaultValue one for all */
  readonly tenant?: string | undefined;
}

const lanes: readonly Priority[] = ["high", "normal", "low"];
const HIGH = 0;
const NORMAL = 1;
const LOW = 2;
const laneOf = (priority: Priority | undefined): number =>
  priority === "high" ? HIGH : priority === "low" ? LOW : NORMAL;

/** So many of higher priority may overtake a lane; then it is its turn. */
const PATIENCE: readonly number[] = [Infinity, 8, 16];
/** Empty tenants that a line may hold before it is swept. */
const MAX_EMPTY = 64;

/** Those who wait for one tenant in one lane, in order of arrival. Its priority is where bottleneck looks for it. */
interface Tenant<T> {
  readonly name: string;
  readonly waiting: Set<T>;
  readonly options: { readonly priority: number };
}

/**
 * A queue. Higher priority first, but nobody for ever; tenants of one priority take turns; first come, first served
 * within a tenant.
 *
 * Inside is bottleneck's priority queue, which holds the tenants in the order of their turns. Its scheduler stays
 * outside: it takes several timer turns for a job (4.8 ms were measured), cannot cancel one and knows no clock but its
 * own. So leaving the line, counting, dropping and deciding when a turn comes are our side's.
 */
export class WaitLine<T> {
  readonly #turns = new Queues<Tenant<T>>(lanes.length);
  readonly #tenants: readonly Map<string, Tenant<T>>[] = lanes.map(() => new Map<string, Tenant<T>>());
  readonly #places = new Map<T, Tenant<T>>();
  /** How many went before a lane's first, since the lane was last served. */
  readonly #overtaken = lanes.map(() => 0);
  readonly #waiting = lanes.map(() => 0);
  #empty = 0;

  get size(): number {
    return this.#places.size;
  }

  add(item: T, { priority, tenant: name = "" }: Place = {}): void {
    const lane = laneOf(priority);
    const tenants = this.#tenants[lane] as Map<string, Tenant<T>>;
    let tenant = tenants.get(name);
    if (!tenant) {
      tenant = { name, waiting: new Set(), options: { priority: lane } };
      tenants.set(name, tenant);
      this.#turns.push(tenant);
    } else if (tenant.waiting.size === 0) this.#empty -= 1;
    tenant.waiting.add(item);
    this.#places.set(item, tenant);
    this.#count(lane, 1);
  }

  /** The item leaves the line: it has been served, or has lost patience. @returns false if it was not waiting any more */
  remove(item: T): boolean {
    const tenant = this.#places.get(item);
    if (!tenant) return false;
    this.#places.delete(item);
    tenant.waiting.delete(item);
    this.#count(tenant.options.priority, -1);
    if (tenant.waiting.size === 0) this.#empty += 1;
    if (this.#empty > MAX_EMPTY + this.size) this.#sweep();
    return true;
  }

  has(item: T): boolean {
    return this.#places.has(item);
  }

  /** Who is next; stays in line. */
  get first(): T | undefined {
    return this.next();
  }

  /** Who is next among the priorities that may go now; stays in line. */
  next(mayGo?: (priority: Priority) => boolean): T | undefined {
    if (this.#places.size === 0) return undefined;
    for (let lane = LOW; lane > HIGH; lane -= 1)
      if (this.#isImpatient(lane) && this.#mayGo(lane, mayGo)) return this.#firstOf(lane);
    for (let lane = HIGH; lane <= LOW; lane += 1) if (this.#mayGo(lane, mayGo)) return this.#firstOf(lane);
    return undefined;
  }

  /** Serves the item that {@link next} named: it leaves, and its tenant's turn is over. */
  serve(item: T): void {
    const tenant = this.#places.get(item);
    if (!tenant) return;
    const lane = tenant.options.priority;
    this.#overtaken[lane] = 0;
    for (let lower = lane + 1; lower <= LOW; lower += 1)
      if ((this.#waiting[lower] as number) > 0) (this.#overtaken[lower] as number) += 1;
    this.remove(item);
    if (this.#turns._lists[lane]?.first() !== tenant) return;
    this.#turns._lists[lane].shift();
    if (tenant.waiting.size > 0) this.#turns.push(tenant);
    else this.#forget(tenant);
  }

  /** Who must go so that a newcomer finds room; undefined: the newcomer. */
  victim(policy: DropPolicy, priority: Priority | undefined): T | undefined {
    if (policy === "reject-newest") return undefined;
    const newcomer = laneOf(priority);
    const lane = LOW - [...this.#waiting].reverse().findIndex((count) => count > 0);
    if (lane < newcomer || (policy === "drop-lowest-priority" && lane === newcomer)) return undefined;
    for (const [item, tenant] of this.#places) if (tenant.options.priority === lane) return item;
    return undefined;
  }

  /** Those who would go before a newcomer, tenants' turns counted; those of higher priority who come later are not foreseen. */
  *ahead({ priority, tenant: name = "" }: Place = {}): Generator<T, void, undefined> {
    const own = laneOf(priority);
    for (let lane = HIGH; lane <= own; lane += 1) {
      const tenants = this.#tenants[lane] as Map<string, Tenant<T>>;
      const rounds = lane === own ? (tenants.get(name)?.waiting.size ?? 0) + 1 : Infinity;
      for (const tenant of tenants.values()) {
        let turn = 0;
        for (const item of tenant.waiting) if ((turn += 1) <= rounds) yield item;
      }
    }
  }

  #isImpatient(lane: number): boolean {
    return (this.#overtaken[lane] as number) >= (PATIENCE[lane] as number);
  }

  #mayGo(lane: number, mayGo: ((priority: Priority) => boolean) | undefined): boolean {
    return (this.#waiting[lane] as number) > 0 && (mayGo === undefined || mayGo(lanes[lane] as Priority));
  }

  #firstOf(lane: number): T | undefined {
    const turns = this.#turns._lists[lane];
    for (let tenant = turns?.first(); tenant; tenant = turns?.first()) {
      for (const item of tenant.waiting) return item;
      turns?.shift();
      this.#forget(tenant);
    }
    return undefined;
  }

  #count(lane: number, change: 1 | -1): void {
    (this.#waiting[lane] as number) += change;
    if (this.#waiting[lane] === 0) this.#overtaken[lane] = 0;
  }

  #forget(tenant: Tenant<T>): void {
    this.#tenants[tenant.options.priority]?.delete(tenant.name);
    this.#empty -= 1;
  }

  /** bottleneck's lists give up their first only: once in a while those who left are taken out together. */
  #sweep(): void {
    const staying: Tenant<T>[] = [];
    this.#turns.shiftAll((tenant) => {
      if (tenant.waiting.size > 0) staying.push(tenant);
      else this.#forget(tenant);
    });
    for (const tenant of staying) this.#turns.push(tenant);
  }
}
