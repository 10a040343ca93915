/** Auth limits each of its paths by itself; the other services know one limit each. */
const authPaths: Readonly<Record<string, string>> = {
  signUp: "signup",
  signIn: "token",
  refresh: "token",
  signOut: "logout",
  user: "user",
};

/** The limit of the project's that an operation of ours draws on, e.g. `supabase.storage`. */
export function quotaOfOperation(operation: string): string {
  const [area = "", name = ""] = operation.split(".");
  return area === "auth" ? `supabase.auth/${authPaths[name] ?? name}` : `supabase.${area}`;
}

/**
 * The same of a request. Undefined for questions about health, which count against nothing.
 *
 * @param storageUrl where storage is, if not below the project's URL
 */
export function quotaOfUrl(url: string, storageUrl?: string): string | undefined {
  if (/\/auth\/v1\/health$|\/status$/.test(url)) return undefined;
  if (storageUrl !== undefined && url.startsWith(storageUrl)) return "supabase.storage";
  const [, area, path] = /\/(rest|auth|storage|functions|realtime)\/v1\/?([\w-]*)/.exec(url) ?? [];
  return area === "auth" ? `supabase.auth/${path}` : `supabase.${area ?? "other"}`;
}
