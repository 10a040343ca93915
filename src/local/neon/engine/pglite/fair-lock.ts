interface Waiter<T> {
  readonly owner: T;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** One holder at a time, the others in the order in which they came. */
export class FairLock<T> {
  #holder: T | undefined;
  #waiters: Waiter<T>[] = [];
  #broken: { readonly reason: unknown } | undefined;

  get waiting(): number {
    return this.#waiters.length;
  }

  /** Resolves at once for the holder; rejects with the reason given to {@link cancel} or {@link break}. */
  acquire(owner: T): Promise<void> {
    if (this.#broken) return Promise.reject(this.#broken.reason);
    if (this.#holder === owner) return Promise.resolve();
    if (this.#holder === undefined) {
      this.#holder = owner;
      return Promise.resolve();
    }
    return new Promise((resolve, reject) => this.#waiters.push({ owner, resolve, reject }));
  }

  release(owner: T): void {
    if (this.#holder !== owner) return;
    const next = this.#waiters.shift();
    this.#holder = next?.owner;
    next?.resolve();
  }

  /** Takes a waiter out of the queue. @returns false if it was not waiting */
  cancel(owner: T, reason: unknown): boolean {
    const at = this.#waiters.findIndex((waiter) => waiter.owner === owner);
    if (at < 0) return false;
    const [waiter] = this.#waiters.splice(at, 1);
    waiter!.reject(reason);
    return true;
  }

  /** Nobody gets it any more. */
  break(reason: unknown): void {
    this.#broken ??= { reason };
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason);
  }
}
