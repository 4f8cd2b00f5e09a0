import { assertEquals } from "@std/assert";
import { dirname, join } from "@std/path";
import { readDocument, ROOT } from "../fixtures/markdown.ts";

/** Every Markdown file that people read, relative to the root. */
function documents(): string[] {
  const inFolder = (folder: string) =>
    [...Deno.readDirSync(ROOT + folder)].filter(({ name }) => name.endsWith(".md"))
      .map(({ name }) => `${folder}${name}`);
  return [...inFolder(""), ...inFolder("docs/")];
}

/** As GitHub makes them of headings. */
function anchors(markdown: string): Set<string> {
  const headings = [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, text]) => text!);
  return new Set(
    headings.map((text) =>
      text.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
    ),
  );
}

function targets(markdown: string): string[] {
  const prose = markdown.replace(/^```[\s\S]*?^```$/gm, "");
  return [...prose.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
}

/** Null when the target is there, else what is wrong. */
async function fault(document: string, target: string): Promise<string | null> {
  if (/^https?:/.test(target)) return null;
  const [path, anchor] = target.split("#") as [string, string | undefined];
  const file: string = path === "" ? document : join(dirname(document), path);
  try {
    await Deno.stat(ROOT + file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `${document}: ${target} is not there`;
    throw error;
  }
  if (anchor === undefined || anchors(await readDocument(file)).has(anchor)) return null;
  return `${document}: ${target} has no such heading`;
}

Deno.test("links in documents lead to files and headings that are there", async () => {
  const faults: string[] = [];
  for (const document of documents()) {
    for (const target of targets(await readDocument(document))) {
      const found = await fault(document, target);
      if (found !== null) faults.push(found);
    }
  }
  assertEquals(faults, []);
});
