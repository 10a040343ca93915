/** Texts that stand in a template until somebody fills in the real thing. */
const placeholders: readonly RegExp[] = [
  /(^|[-_./:@])your[-_]/i, // your-neon-api-key
  /change[-_ ]?(me|this|it)/i,
  /replace[-_ ]?(me|this|it|with)/i,
  /placeholder/i,
  /(^|[-_.:/])x{3,}($|[-_.:/@])/i, // sk-xxxx
  /\[[a-z][a-z_ -]*\]/i, // [password]
  /<[a-z][a-z_ -]*>/i, // <password>
  /\$\{[^}]*\}|\{\{[^}]*\}\}/, // a template nobody rendered
  /^(.)\1{7,}$/s, // aaaaaaaa
];

/** True for what is plainly not a real value yet. */
export function isPlaceholder(text: string): boolean {
  return placeholders.some((pattern) => pattern.test(text));
}
