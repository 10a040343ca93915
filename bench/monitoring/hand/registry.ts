/** What recording and exporting cannot cost less than: cells, ready-made line heads, one string. No checks, no caps. */
export class HandCounter {
  value = 0;
  inc(by = 1): void {
    this.value += by;
  }
}

export class HandHistogram {
  readonly counts: Float64Array;
  sum = 0;
  readonly #bounds: readonly number[];

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let low = 0;
    let high = bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (value <= (bounds[middle] as number)) high = middle;
      else low = middle + 1;
    }
    (this.counts[low] as number) += 1;
    this.sum += value;
  }
}

/** Two labels: a map in a map. */
export class HandFamily {
  readonly #name: string;
  readonly #rows = new Map<string, Map<string, HandCounter>>();
  readonly #lines: { readonly head: string; readonly cell: HandCounter }[] = [];

  constructor(name: string) {
    this.#name = name;
  }

  inc(method: string, status: string): void {
    const cell = this.#rows.get(method)?.get(status) ?? this.#make(method, status);
    cell.inc();
  }

  render(): string {
    let text = `# HELP ${this.#name} Requests.\n# TYPE ${this.#name} counter\n`;
    for (const { head, cell } of this.#lines) text += `${head}${cell.value}\n`;
    return text;
  }

  #make(method: string, status: string): HandCounter {
    const cell = new HandCounter();
    const row = this.#rows.get(method) ?? new Map<string, HandCounter>();
    this.#rows.set(method, row.set(status, cell));
    this.#lines.push({ head: `${this.#name}{method="${method}",status="${status}"} `, cell });
    return cell;
  }
}
