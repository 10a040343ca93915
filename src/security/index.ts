export { SupabaseTokenVerifier, type SupabaseTokenVerifierOptions, type TokenRefusal } from "./token-verifier.ts";
