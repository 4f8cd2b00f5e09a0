import { assert, assertEquals, assertRejects } from "@std/assert";
import { bwrapArguments, probeIsolation } from "../../jobs/workers/sandbox.ts";

Deno.test("probeIsolation() does not look for bubblewrap when Deno's sandbox is asked for", async () => {
  const { kind, reason } = await probeIsolation("deno", Deno.execPath());
  assertEquals(kind, "deno");
  assert(reason.includes("asked for"));
});

Deno.test("probeIsolation() falls back, or refuses where bubblewrap is required", async () => {
  // A program that is not there fails inside bubblewrap, as everything does where it is forbidden.
  const broken = "/nowhere/deno";
  const { kind, reason } = await probeIsolation("auto", broken);
  assertEquals(kind, "deno");
  assert(reason.includes("bwrap does not work here"));
  await assertRejects(() => probeIsolation("require", broken), Error, "the sandbox is required");
});

Deno.test("bwrapArguments() shows what it names, and hides the rest", async (t) => {
  const { kind, reason } = await probeIsolation("auto", Deno.execPath());
  const parent = await Deno.makeTempDir();
  for (const name of ["readable", "writable", "hidden", "scratch"]) {
    await Deno.mkdir(`${parent}/${name}`);
    await Deno.writeTextFile(`${parent}/${name}/file`, name);
  }
  const view = {
    readable: [`${parent}/readable`],
    writable: [`${parent}/writable`],
    scratch: [`${parent}/scratch`],
    env: { SHOWN: "yes" },
    workingDir: `${parent}/readable`,
  };
  const inside = async (script: string) => {
    const args = [...bwrapArguments(view), "/usr/bin/env", "sh", "-c", script];
    const { stdout } = await new Deno.Command("bwrap", { args, stderr: "null" }).output();
    return new TextDecoder().decode(stdout).trim();
  };
  const ignore = kind === "deno";
  const step = (name: string, fn: () => Promise<void>) => t.step({ name, ignore, fn });
  if (ignore) console.log(`skipped: ${reason}`);

  await step("a readable folder is read only", async () => {
    assertEquals(await inside("cat file; echo more >> file || echo refused"), "readablerefused");
  });
  await step("a writable folder takes changes", async () => {
    await inside(`echo -n changed > ${parent}/writable/file`);
    assertEquals(await Deno.readTextFile(`${parent}/writable/file`), "changed");
  });
  await step("a scratch folder is empty, and forgets", async () => {
    assertEquals(await inside(`cd ${parent}/scratch && ls && echo x > new && ls`), "new");
    assertEquals([...Deno.readDirSync(`${parent}/scratch`)].length, 1);
  });
  await step("what is not named is not there", async () => {
    assertEquals(await inside(`cat ${parent}/hidden/file /etc/passwd || echo absent`), "absent");
  });
  await step("only the environment named is there", async () => {
    const names = (await inside("env")).split("\n").map((line) => line.split("=")[0]);
    assertEquals(names.filter((name) => !["PWD", "SHLVL", "_", "OLDPWD"].includes(name ?? "")), [
      "SHOWN",
    ]);
  });
  await step("no process and no network of outside is there", async () => {
    assertEquals(await inside("cat /proc/net/dev | grep -c -v -e lo: -e Inter -e face"), "0");
    assert(Number(await inside("ls /proc | grep -c '^[0-9]'")) < 10);
  });
  await Deno.remove(parent, { recursive: true });
});
