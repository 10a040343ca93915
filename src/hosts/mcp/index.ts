export { registerTools, type RegisterToolsOptions, type ToolFeature } from "./register-tools.ts";
export { type ToolServer } from "./register-tool.ts";
