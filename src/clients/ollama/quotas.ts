/** One limit, and none for the light questions by which health is asked. */
export function quotaOfUrl(url: string): string | undefined {
  return /\/(?:api\/(?:version|tags|ps)|v1\/models)$/.test(url) ? undefined : "ollama";
}
