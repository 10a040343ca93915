/** Auth limits each of its paths by itself; the other services know one limit each. */
const authPaths: Readonly<Record<string, string>> = {
  signUp: "signup",
  signIn: "token",
  refresh: "token",
  signOut: "logout",
  user: "user",
};

/**
 * What answers an operation of ours: the part of the project, which may be down by itself (`storage`), and the limit that
 * it draws on (`supabase.storage`).
 */
export function answererOf(operation: string): { readonly part: string; readonly quota: string } {
  const [part = "", name = ""] = operation.split(".");
  return { part, quota: part === "auth" ? `supabase.auth/${authPaths[name] ?? name}` : `supabase.${part}` };
}

/**
 * The limit that a request draws on. Undefined for questions about health, which count against nothing.
 *
 * @param storageUrl where storage is, if not below the project's URL
 */
export function quotaOfUrl(url: string, storageUrl?: string): string | undefined {
  if (/\/auth\/v1\/health$|\/status$/.test(url)) return undefined;
  if (storageUrl !== undefined && url.startsWith(storageUrl)) return "supabase.storage";
  const [, area, path] = /\/(rest|auth|storage|functions|realtime)\/v1\/?([\w-]*)/.exec(url) ?? [];
  return area === "auth" ? `supabase.auth/${path}` : `supabase.${area ?? "other"}`;
}
