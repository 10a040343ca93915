/** What percent-encoding stands for; a text that is not encoded, such as `50%off`, as it is. */
export function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
