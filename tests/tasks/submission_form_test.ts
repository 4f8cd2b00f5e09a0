import { assertEquals, assertRejects } from "@std/assert";
import {
  missingModules,
  submissionForm,
  UnreadableFileError,
} from "../../tasks/submission_form.ts";

async function withFiles(files: Record<string, string>, use: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
    }
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("submissionForm() posts the module, files by their base names, and the config", () =>
  withFiles({ "job.ts": "export default 1;", "data.csv": "1,2" }, async (folder) => {
    const form = await submissionForm({
      module: `${folder}/job.ts`,
      files: [`${folder}/data.csv`],
      datasets: ["digits", "pets"],
      config: { max_epochs: 2 },
      runName: "first",
      permissions: { read: ["/data"], net: [] },
      priority: -3,
    });
    const module = form.get("module") as File;
    const file = form.get("file") as File;
    assertEquals([module.name, await module.text()], ["job.ts", "export default 1;"]);
    assertEquals([file.name, await file.text()], ["data.csv", "1,2"]);
    assertEquals(form.get("datasets"), "digits,pets");
    assertEquals(form.get("config"), '{"max_epochs":2}');
    assertEquals([form.get("run_name"), form.get("project")], ["first", null]);
    assertEquals(form.get("permissions"), '{"read":["/data"],"net":[]}');
    assertEquals(form.get("priority"), "-3");
  }));

Deno.test("submissionForm() names the file that is not there", async () => {
  const parts = { module: "no/such.ts", files: [], config: {} };
  await assertRejects(
    () => submissionForm(parts),
    UnreadableFileError,
    "no/such.ts: there is no such file",
  );
});

Deno.test("missingModules() lists relative imports that are not posted along", () => {
  const source = `import { defineJob } from "onthefly";
import { a } from "./layers.ts";
import {
  b,
} from "./blocks/attention.ts";
export { c } from "./posted.ts";
// import "./commented.ts"
const text = 'from "./text.ts"';`;
  return withFiles({ "job.ts": source }, async (folder) => {
    const parts = { module: `${folder}/job.ts`, files: ["elsewhere/posted.ts"] };
    assertEquals(await missingModules(parts), [
      `${folder}/layers.ts`,
      `${folder}/blocks/attention.ts`,
    ]);
  });
});
