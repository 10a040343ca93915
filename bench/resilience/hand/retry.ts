/** The floor of a retry: a loop and a catch, without waits, hints, budget or verdicts. */
export async function handRetry<T>(operation: () => Promise<T>, maxAttempts: number): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await operation();
    } catch (error) {
      if (attempt >= maxAttempts) throw error;
    }
  }
}
