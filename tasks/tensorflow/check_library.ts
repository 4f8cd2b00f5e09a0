/**
 * `check_library.ts LIBRARY [gpu]`: opens TensorFlow's library, adds 1 and 2 with it, prints its
 * version. With `gpu`, TensorFlow has to see one.
 * A program of its own, since a library made for another processor ends the process.
 */
import { createBinding } from "../../runtime/backends/tensorflow/binding.ts";
import { openLibrary } from "../../runtime/backends/tensorflow/c_api.ts";

const [path, gpu] = Deno.args as [string, string?];
/** Of a GPU's memory, which a server may be using. */
const FRACTION = 0.05;
try {
  const binding = createBinding(openLibrary(path), 1, gpu === undefined ? null : FRACTION);
  const { TF_FLOAT, TF_ATTR_TYPE } = binding;
  const [one, two] = [1, 2].map((value) => binding.createTensor([], TF_FLOAT, [value] as never));
  const type = { name: "T", type: TF_ATTR_TYPE, value: TF_FLOAT };
  const [sum] = binding.executeOp("AddV2", [type], [one!, two!], 1);
  const value = binding.tensorDataSync(sum!.id)[0];
  if (value !== 3) throw new Error(`${path} computes 1 + 2 = ${value}`);
  console.log(binding.TF_Version);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}
