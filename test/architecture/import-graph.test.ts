import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const src = fileURLToPath(new URL("../../src", import.meta.url));

/** Which rooms a room may import from, beside itself. `file:` names single files. The law of docs/architecture.md. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  config: ["core"],
  resilience: ["core"],
  monitoring: ["core"],
  security: ["core"],
  "clients/http": ["core"],
  "clients/neon": ["core", "clients/http"],
  "clients/supabase": ["core", "clients/http"],
  "clients/tinyfish": ["core", "clients/http"],
  "clients/ollama": ["core", "clients/http"],
  webhooks: ["core"],
  listings: ["core"],
  services: ["core", "clients/http"],
  hosts: ["core", "integration (types)"],
  local: ["core"],
  testing: ["core"],
  integration: [
    "core",
    "config",
    "resilience",
    "monitoring",
    "security",
    "clients",
    "webhooks",
    "listings",
    "services",
  ],
  index: ["core", "config", "security", "resilience", "monitoring", "clients", "listings", "integration"],
  cli: [
    "core",
    "config",
    "clients",
    "integration",
    "hosts (dynamic)",
    "local (dynamic)",
    "local (types)",
    "monitoring (types)",
    "index",
  ],
};

interface Import {
  readonly from: string;
  readonly to: string;
  readonly kind: "static" | "types" | "dynamic";
  readonly file: string;
}

describe("the import graph", () => {
  const imports = readdirSync(src, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .flatMap((file) => importsOf(join(src, file)));

  it("is read at all", () => {
    expect(imports.length).toBeGreaterThan(200);
  });

  it("obeys the architecture", () => {
    const broken = imports
      .filter(({ from, to, kind }) => from !== to && !permits(from, to, kind))
      .map(({ file, to, kind }) => `${file} imports ${to} (${kind})`);
    expect(broken).toEqual([]);
  });

  it("never reaches the hosts, the local stack or the testing kit from the root entry", () => {
    const reached = imports.filter(
      ({ from, to, kind }) =>
        ["index", "integration"].includes(from) && ["hosts", "local", "testing"].includes(to) && kind !== "types",
    );
    expect(reached).toEqual([]);
  });
});

function permits(from: string, to: string, kind: Import["kind"]): boolean {
  const list = allowed[from] ?? [];
  if (list.includes(to) || list.includes(to.split("/")[0]!)) return true;
  return kind !== "static" && list.includes(`${to} (${kind})`);
}

function roomOf(file: string): string {
  const path = relative(src, file).replaceAll("\\", "/");
  const [first = "", second = ""] = path.split("/");
  if (first === "clients")
    return path.split("/").length > 2 ? (second === "pools" ? "clients/neon" : `clients/${second}`) : "clients/neon";
  if (first === "composition") return "integration";
  if (first === "cli" || first === "cli.ts") return "cli";
  return first.replace(/\.ts$/, "");
}

function importsOf(file: string): Import[] {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ESNext, true);
  const found: Import[] = [];
  const add = (specifier: string, kind: Import["kind"]) => {
    if (specifier.startsWith("."))
      found.push({
        from: roomOf(file),
        to: roomOf(resolve(dirname(file), specifier)),
        kind,
        file: relative(src, file),
      });
  };
  const visit = (node: ts.Node): void => {
    if (
      (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) &&
      node.moduleSpecifier &&
      ts.isStringLiteral(node.moduleSpecifier)
    )
      add(node.moduleSpecifier.text, isTypeOnly(node) ? "types" : "static");
    if (
      ts.isCallExpression(node) &&
      node.expression.kind === ts.SyntaxKind.ImportKeyword &&
      node.arguments[0] &&
      ts.isStringLiteral(node.arguments[0])
    )
      add(node.arguments[0].text, "dynamic");
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node))
    return (
      node.isTypeOnly ||
      (!!node.exportClause &&
        ts.isNamedExports(node.exportClause) &&
        node.exportClause.elements.every((e) => e.isTypeOnly))
    );
  const clause = node.importClause;
  if (!clause) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  return (
    !clause.name &&
    !!clause.namedBindings &&
    ts.isNamedImports(clause.namedBindings) &&
    clause.namedBindings.elements.every((e) => e.isTypeOnly)
  );
}
