export { type DataApiClient, type DataApiOptions, type DataApiToken, NeonDataApi } from "./data-api.ts";
export { DATA_API_SERVICE, dataApiError } from "./errors.ts";
