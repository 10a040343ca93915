// Type-checks every TypeScript snippet of the Markdown and of the doc comments in src/ against the sources, and follows
// every link, anchor and path that the Markdown names.
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import ts from "typescript";

const root = resolve(import.meta.dirname, "..");
const surroundings = join(root, "scripts/snippet-surroundings.ts");
const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile);
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
const entries = Object.values(config.compilerOptions.paths).map(([path]) => join(root, path));

/** @returns snippets, each with the file it stands in and its line there */
function snippetsOf(file) {
  const text = readFileSync(join(root, file), "utf8");
  const found = file.endsWith(".md")
    ? [...text.matchAll(/^```ts\n([^]*?)^```$/gm)].map(({ 0: all, 1: code, index }) => ({ all, code, index }))
    : [...text.matchAll(/^ *\* @example([^]*?)(?=^ *\* @|\*\/)/gm)].map(({ 0: all, 1: code, index }) => ({
        ...{ all, index },
        code: code.replaceAll(/^ *\* ?/gm, ""),
      }));
  return found.map(({ code, index }) => ({ file, code, line: text.slice(0, index).split("\n").length }));
}

const pages = globSync(["*.md", "docs/*.md", "data/*.md"], { cwd: root });
const snippets = [...pages, ...globSync("src/**/*.ts", { cwd: root })]
  .flatMap(snippetsOf)
  .map((snippet, at) => ({ ...snippet, path: join(root, `snippet-${at}.ts`) }));

/** A module of its own: imports stay on top, the rest may await and return. */
function moduleOf({ code }, imports) {
  const lines = code.trim().split("\n");
  const own = lines.filter((line) => line.startsWith("import "));
  const rest = lines.filter((line) => !line.startsWith("import "));
  return [...imports, ...own, "export async function snippet() {", ...rest, "}"].join("\n");
}

function compile(texts, old) {
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (path) => texts.has(path) || fileExists(path);
  host.readFile = (path) => texts.get(path) ?? readFile(path);
  host.getSourceFile = (path, target, ...rest) =>
    texts.has(path)
      ? ts.createSourceFile(path, texts.get(path), target, true)
      : (old?.getSourceFile(path) ?? getSourceFile(path, target, ...rest));
  const roots = [...texts.keys(), ...entries, surroundings];
  return ts.createProgram(roots, { ...options, noUnusedLocals: false, noUnusedParameters: false }, host, old);
}

const problemsOf = (program, path) => {
  const file = program.getSourceFile(path);
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
};

/** "Cannot find name", in its several forms. */
const unknownName = new Set([2304, 2552, 18004, 2582]);
const nameIn = ({ file, start, length }) => file.text.slice(start, start + length);

// First without any import, to see what each snippet leaves to its surroundings.
const bare = compile(new Map(snippets.map((snippet) => [snippet.path, moduleOf(snippet, [])])));
const checker = bare.getTypeChecker();
const exportsOf = (path) => {
  const symbol = checker.getSymbolAtLocation(bare.getSourceFile(path));
  return new Set(symbol ? checker.getExportsOfModule(symbol).map(({ name }) => name) : []);
};
const publicNames = new Map(entries.map((path) => [path, exportsOf(path)]));
const given = exportsOf(surroundings);

const texts = new Map();
for (const snippet of snippets) {
  const missing = problemsOf(bare, snippet.path).filter(({ code }) => unknownName.has(code));
  const own = snippet.file.endsWith(".ts") ? join(root, snippet.file) : undefined;
  const imports = [...new Set(missing.map(nameIn))].flatMap((name) => {
    const from =
      (own && bare.getSourceFile(own) && exportsOf(own).has(name) && own) ||
      (given.has(name) && surroundings) ||
      entries.find((path) => publicNames.get(path).has(name));
    return from ? [`import { ${name} } from "${from}";`] : [];
  });
  texts.set(snippet.path, moduleOf(snippet, imports));
}

const program = compile(texts, bare);
let failed = 0;
for (const { file, line, path } of snippets)
  for (const { messageText, file: source, start } of problemsOf(program, path)) {
    failed += 1;
    const code = source.text.split("\n")[source.getLineAndCharacterOfPosition(start).line].trim();
    console.error(`${file}:${line}: ${ts.flattenDiagnosticMessageText(messageText, "\n")}\n    ${code}`);
  }

/** As GitHub makes an anchor of a heading. */
const anchorOf = (heading) =>
  heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-");
const anchorsOf = (path) =>
  [...readFileSync(path, "utf8").matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading));

for (const page of pages) {
  const text = readFileSync(join(root, page), "utf8").replaceAll(/^```[^]*?^```$/gm, "");
  const links = [...text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].map(([link, path, anchor]) => ({
    ...{ link, anchor },
    target: path === "" ? join(root, page) : join(root, dirname(page), path),
  }));
  const paths = [...text.matchAll(/`((?:src|test|docs|bench|examples|scripts|data|migrations)\/[^`\s*]+)`/g)].map(
    ([link, path]) => ({ link, anchor: undefined, target: join(root, path) }),
  );
  for (const { link, target, anchor } of [...links, ...paths]) {
    if (existsSync(target) && (anchor === undefined || anchorsOf(target).includes(anchor))) continue;
    failed += 1;
    console.error(`${page}: ${link} leads nowhere`);
  }
}
console.log(`${pages.length} pages, ${snippets.length} snippets, ${failed} problems`);
process.exit(failed === 0 && snippets.length > 0 ? 0 : 1);
