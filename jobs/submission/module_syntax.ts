import { parse } from "@babel/parser";
import { UnprocessableError } from "../errors.ts";

/** What a module's text says about itself; null where it computes it. */
export interface ModuleFacts {
  project: string | null;
  runName: string | null;
  /** Its `config.backend`: what a worker computes on is settled before it runs the module. */
  backend: string | null;
}

/** What a module may import, and what it must have. */
export interface ModuleRules {
  /** Names of the modules posted beside it. */
  extraModules?: readonly string[];
  /** Packages that the server grants beyond `onthefly` and `@tensorflow/tfjs`, with what is in them. */
  allowed?: readonly string[];
  /** False for a module beside the main one: it needs no default export. */
  main?: boolean;
}

const GRANTED = ["onthefly", "@tensorflow/tfjs"];
const LONGEST = 4 * 2 ** 20;

/**
 * Checks a job module before it is stored: it parses as TypeScript, has a default export, and
 * imports nothing but what it may. Finds its project, run name and backend where they are
 * literals.
 *
 * @param name As posted; the errors begin with it.
 * @throws {UnprocessableError} on field `module`: `module.ts:3:14 Unexpected token`, with `line` and
 * `column` (both from 1) in `extra`.
 */
export function checkModule(source: string, name: string, rules: ModuleRules = {}): ModuleFacts {
  if (source.trim() === "") throw new UnprocessableError("module", `${name} is empty`);
  if (source.length > LONGEST) {
    throw new UnprocessableError("module", `${name} is longer than ${LONGEST} characters`);
  }
  const program = parseModule(source, name);
  for (const node of nodesOf(program)) checkImport(node, name, rules);
  const exported = defaultExport(program);
  if (exported === null && rules.main !== false) {
    const expected = "export default defineJob({ ... })";
    throw new UnprocessableError("module", `${name} has no default export; expected ${expected}`);
  }
  const job = exported && resolved(exported, program);
  const definition = job?.type === "CallExpression"
    ? resolved((job.arguments as SyntaxNode[])[0], program)
    : job;
  return {
    project: property(definition, "project", program),
    runName: property(definition, "runName", program),
    backend: property(member(definition, "config", program), "backend", program),
  };
}

/** A node of Babel's tree, whose own types name two hundred kinds. */
type SyntaxNode = { type: string; loc: { start: Position } } & Record<string, unknown>;
/** `line` from 1, `column` from 0. */
type Position = { line: number; column: number };

function parseModule(source: string, name: string): SyntaxNode {
  try {
    const file = parse(source, { sourceType: "module", plugins: ["typescript", "decorators"] });
    return file.program as unknown as SyntaxNode;
  } catch (error) {
    if (error instanceof RangeError) {
      throw new UnprocessableError("module", `${name} is nested too deeply to be parsed`);
    }
    if (!(error instanceof SyntaxError) || !("loc" in error)) throw error;
    const message = error.message.replace(/ \(\d+:\d+\)$/, "");
    throw refusal(name, error.loc as Position, message);
  }
}

function refusal(name: string, at: Position, message: string): UnprocessableError {
  const [line, column] = [at.line, at.column + 1];
  return new UnprocessableError("module", `${name}:${line}:${column} ${message}`, { line, column });
}

/** Every node, without recursion: a module may be nested deeper than the stack. */
function* nodesOf(root: SyntaxNode): Generator<SyntaxNode> {
  const open = [root];
  for (let node = open.pop(); node; node = open.pop()) {
    yield node;
    for (const value of Object.values(node)) {
      for (const part of Array.isArray(value) ? value : [value]) if (isNode(part)) open.push(part);
    }
  }
}

function isNode(value: unknown): value is SyntaxNode {
  return typeof value === "object" && value !== null && "type" in value && "loc" in value;
}

function checkImport(node: SyntaxNode, name: string, rules: ModuleRules): void {
  const at = node.loc.start;
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportAllDeclaration":
    case "ExportNamedDeclaration": {
      // What is only a type is gone before the module runs.
      if (!isNode(node.source) || node.importKind === "type" || node.exportKind === "type") return;
      const attributes = node.attributes as unknown[] | undefined;
      if (attributes?.length) throw refusal(name, at, "import attributes are not allowed");
      return checkSpecifier(String(node.source.value), node.source.loc.start, name, rules);
    }
    case "ImportExpression": {
      if (node.options) throw refusal(name, at, "import attributes are not allowed");
      const specifier = isNode(node.source) ? literal(node.source) : null;
      if (specifier === null) throw refusal(name, at, "import() takes a string literal here");
      return checkSpecifier(specifier, at, name, rules);
    }
    case "TSImportEqualsDeclaration":
      throw refusal(name, at, "import = is not allowed; write import ... from");
    default:
  }
}

function checkSpecifier(
  specifier: string,
  at: Position,
  name: string,
  { extraModules = [], allowed = [] }: ModuleRules,
): void {
  const bare = [...GRANTED, ...allowed];
  const fits = specifier.startsWith("./") || specifier.startsWith("../")
    ? extraModules.includes(besideOf(name, specifier) ?? "")
    : bare.includes(specifier) || allowed.some((name) => specifier.startsWith(`${name}/`));
  if (fits) return;
  const known = [...bare, ...extraModules.map((module) => `./${module}`)].join(", ");
  const shown = JSON.stringify(specifier);
  throw refusal(name, at, `${shown} cannot be imported; what can: ${known}`);
}

/** Name of the module that a relative import means, or null when it leaves the job's folder. */
function besideOf(name: string, specifier: string): string | null {
  const path = name.split("/").slice(0, -1);
  for (const segment of specifier.split("/")) {
    if (segment === ".." && path.pop() === undefined) return null;
    if (segment !== "." && segment !== "..") path.push(segment);
  }
  return path.join("/");
}

function defaultExport(program: SyntaxNode): SyntaxNode | null {
  for (const node of program.body as SyntaxNode[]) {
    if (node.type === "ExportDefaultDeclaration") return node.declaration as SyntaxNode;
    if (node.type !== "ExportNamedDeclaration" || node.exportKind === "type") continue;
    for (const specifier of node.specifiers as SyntaxNode[]) {
      const exported = specifier.exported as SyntaxNode;
      if ((exported.name ?? exported.value) === "default") {
        return (specifier.local ?? specifier) as SyntaxNode;
      }
    }
  }
  return null;
}

const WRAPPERS = new Set([
  "TSAsExpression",
  "TSSatisfiesExpression",
  "TSNonNullExpression",
  "TSTypeAssertion",
  "ParenthesizedExpression",
]);

/** What an expression stands for, through type assertions and top-level constants. */
function resolved(node: SyntaxNode | undefined, program: SyntaxNode): SyntaxNode | null {
  const seen = new Set<SyntaxNode>();
  for (let at = node ?? null; at && !seen.has(at);) {
    seen.add(at);
    if (WRAPPERS.has(at.type)) at = at.expression as SyntaxNode;
    else if (at.type === "Identifier") at = constant(String(at.name), program);
    else return at;
  }
  return null;
}

function constant(name: string, program: SyntaxNode): SyntaxNode | null {
  for (const node of program.body as SyntaxNode[]) {
    const statement = isNode(node.declaration) ? node.declaration : node;
    if (statement.type !== "VariableDeclaration" || statement.kind !== "const") continue;
    for (const { id, init } of statement.declarations as SyntaxNode[]) {
      if (isNode(id) && id.name === name) return isNode(init) ? init : null;
    }
  }
  return null;
}

function property(object: SyntaxNode | null, name: string, program: SyntaxNode): string | null {
  const found = member(object, name, program);
  return found && literal(found);
}

function member(object: SyntaxNode | null, name: string, program: SyntaxNode): SyntaxNode | null {
  if (object?.type !== "ObjectExpression") return null;
  for (const { type, computed, key, value } of object.properties as SyntaxNode[]) {
    if (type !== "ObjectProperty" || computed || !isNode(key) || !isNode(value)) continue;
    if ((key.name ?? key.value) !== name) continue;
    return resolved(value, program);
  }
  return null;
}

function literal(node: SyntaxNode): string | null {
  if (node.type === "StringLiteral") return String(node.value);
  if (node.type !== "TemplateLiteral" || (node.expressions as unknown[]).length > 0) return null;
  const [text] = node.quasis as { value: { cooked: string } }[];
  return text?.value.cooked ?? null;
}
