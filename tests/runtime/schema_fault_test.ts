import { assertEquals } from "@std/assert";
import { z } from "zod";
import { schemaFault } from "../../runtime/protocol/schema_fault.ts";

Deno.test("schemaFault() tells what is missing from what is of another type", () => {
  const schema = z.object({ weights: z.array(z.number().positive()) });
  const fault = (value: unknown) => schemaFault(schema.safeParse(value).error!.issues[0]!);
  assertEquals(fault({}), "it is missing; expected array");
  assertEquals(fault({ weights: "all" }), "expected array, received string");
  assertEquals(fault({ weights: [0] }), "Too small: expected number to be >0");
});
