import js from "@eslint/js";
import tseslint from "typescript-eslint";

/** Only config/ may read the environment; only core/ports.ts may touch time, chance and the console. */
const ambient = [
  { object: "process", property: "env", message: "Only config/ reads the environment." },
  { object: "Math", property: "random", message: "Take a Random port (core/ports.ts)." },
  { object: "Date", property: "now", message: "Take a Clock port (core/ports.ts)." },
];

export default tseslint.config(
  { ignores: ["dist/**", "node_modules/**", "coverage/**", ".cache/**"] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ["eslint.config.js", "prettier.config.js", "scripts/*.mjs"] },
      },
      globals: { process: "readonly", console: "readonly", URL: "readonly" },
    },
    rules: {
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/only-throw-error": "off",
      "@typescript-eslint/prefer-promise-reject-errors": "off",
    },
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "no-console": "error",
      "no-restricted-properties": ["error", ...ambient],
      "no-restricted-globals": ["error", "setTimeout", "setInterval", "setImmediate"],
    },
  },
  { files: ["src/config/**"], rules: { "no-restricted-properties": "off" } },
  {
    files: ["src/core/ports.ts"],
    rules: { "no-restricted-properties": "off", "no-restricted-globals": "off", "no-console": "off" },
  },
  { files: ["src/cli.ts", "src/cli/**"], rules: { "no-console": "off", "no-restricted-properties": "off" } },
  {
    files: ["**/*.mjs", "*.config.js", "*.config.ts"],
    ...tseslint.configs.disableTypeChecked,
  },
  {
    files: ["test/**", "examples/**", "bench/**"],
    rules: {
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-return": "off",
    },
  },
);
