import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, relative } from "@std/path";
import { z } from "zod";

const root: string = fromFileUrl(new URL("../..", import.meta.url));

const Resolved = z.looseObject({ specifier: z.string().optional(), error: z.string().optional() });
const ModuleGraph = z.looseObject({
  modules: z.array(z.looseObject({
    specifier: z.string(),
    dependencies: z.array(z.looseObject({
      specifier: z.string(),
      code: Resolved.optional(),
      type: Resolved.optional(),
    })).default([]),
  })),
});

/** One import: from which file to which, both relative to the root; packages by their specifier. */
interface Import {
  from: string;
  to: string;
}

/** Rooms and what each may import, types included. The longest prefix that fits decides. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  "main.ts": ["routes/", "jobs/", "runtime/protocol/"],
  "routes/": ["routes/", "jobs/", "runtime/protocol/"],
  // The version of the API is the package's.
  "routes/package.ts": ["deno.json"],
  // A figure, and a selection in words, read the same whether the server or the page wrote them.
  "routes/views/": [
    "routes/",
    "jobs/",
    "runtime/protocol/",
    "static/figures.js",
    "static/selection_text.js",
  ],
  "jobs/": ["jobs/", "runtime/protocol/"],
  "runtime/protocol/": ["runtime/protocol/"],
  "runtime/session/": ["runtime/"],
  "runtime/worker.ts": ["runtime/"],
  "runtime/mod.ts": ["runtime/"],
  // Leaves take what they need as arguments: none of them knows the session.
  "runtime/": ["runtime/"],
  "examples/": ["examples/", "runtime/mod.ts"],
};

/** Files of `runtime/` that stand above the session; leaves never reach up to these. */
const ABOVE_LEAVES = [
  "runtime/session/",
  "runtime/trainer/",
  "runtime/worker.ts",
  "runtime/mod.ts",
];

async function sourceFiles(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(`${root}${folder}`)) {
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory) files.push(...await sourceFiles(`${path}/`));
    else if (/\.tsx?$/.test(entry.name)) files.push(path);
  }
  return files;
}

/** The graph of all rooms, as Deno itself resolves it, seen from a file that imports everything. */
async function readGraph(): Promise<z.infer<typeof ModuleGraph>> {
  const rooms = ["routes/", "jobs/", "runtime/", "examples/"];
  const files = ["main.ts", ...(await Promise.all(rooms.map(sourceFiles))).flat()];
  const folder = await Deno.makeTempDir();
  try {
    const entry = `${folder}/everything.ts`;
    const imports = files.map((file) => `import ${JSON.stringify(`file://${root}${file}`)};`);
    await Deno.writeTextFile(entry, imports.join("\n"));
    return await denoInfo(entry);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function denoInfo(entry: string): Promise<z.infer<typeof ModuleGraph>> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--config", `${root}deno.json`, entry],
    cwd: root,
    stdout: "piped",
    stderr: "piped",
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return ModuleGraph.parse(JSON.parse(new TextDecoder().decode(stdout)));
}

const local = (specifier: string): string =>
  specifier.startsWith("file:") ? relative(root, fromFileUrl(specifier)) : specifier;

function importsOf(graph: z.infer<typeof ModuleGraph>): Import[] {
  return graph.modules
    .filter(({ specifier }) => specifier.startsWith(`file://${root}`))
    .flatMap((module) =>
      module.dependencies.flatMap(({ code, type }) =>
        [code?.specifier, type?.specifier]
          .filter((target) => target !== undefined)
          .map((target) => ({ from: local(module.specifier), to: local(target) }))
      )
    );
}

async function localImports(): Promise<Import[]> {
  const imports = importsOf(await readGraph());
  return imports.filter(({ to }) => !/^(npm|node|jsr|https?):/.test(to));
}

function roomOf(file: string): string | undefined {
  return Object.keys(MAY_IMPORT)
    .filter((room) => file.startsWith(room))
    .sort((a, b) => b.length - a.length)[0];
}

Deno.test("imports point one way: main, routes, jobs, runtime/protocol", async () => {
  const imports = await localImports();
  assert(imports.length > 100, "the graph is read");
  const wrong = imports.filter(({ from, to }) => {
    const room = roomOf(from);
    return room !== undefined && !MAY_IMPORT[room]!.some((allowed) => to.startsWith(allowed));
  });
  assertEquals(wrong.map(({ from, to }) => `${from} imports ${to}`), []);
});

Deno.test("imports of a leaf of runtime/ never reach the session", async () => {
  const imports = await localImports();
  const above = (file: string) => ABOVE_LEAVES.some((prefix) => file.startsWith(prefix));
  const wrong = imports.filter(({ from, to }) =>
    from.startsWith("runtime/") && !above(from) && above(to)
  );
  assertEquals(wrong.map(({ from, to }) => `${from} imports ${to}`), []);
});

Deno.test("imports of the server's process hold no TensorFlow.js", async () => {
  const { modules } = await denoInfo(`${root}main.ts`);
  const loaded = modules.map(({ specifier }) => local(specifier));
  assert(loaded.includes("jobs/supervisor.ts"), "the graph is read");
  const runtime = loaded.filter((file) => file.startsWith("runtime/"));
  assertEquals(runtime.filter((file) => !file.startsWith("runtime/protocol/")), []);
  assertEquals(loaded.filter((specifier) => specifier.includes("@tensorflow")), []);
});
