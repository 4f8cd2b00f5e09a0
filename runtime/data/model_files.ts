import * as tf from "@tensorflow/tfjs";

/** Where files are read: `ctx` for those posted with a job, or what `ctx.dataset(name)` answers. */
export interface FileReader {
  /** The bytes of a file. */
  file(name: string): Promise<Uint8Array>;
}

/**
 * A saved model as `tf.loadLayersModel` reads it, in a worker that has no network: its `model.json`
 * and the weight files that this names, in the same folder.
 *
 * @param files `ctx`, or a dataset.
 * @param path Name of the `model.json` there.
 * @returns Its `load` throws an {Error} that names the file which is missing, cut short or no saved
 * layers model.
 *
 * @example
 * ```ts ignore
 * model: (ctx) => tf.loadLayersModel(modelFiles(ctx, "model.json")),
 * ```
 */
export function modelFiles(files: FileReader, path = "model.json"): tf.io.IOHandler {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  return {
    load: async () => {
      const saved = parseModelJson(path, await files.file(path));
      return await tf.io.getModelArtifactsForJSON(saved, async (manifest) => {
        const specs = tf.io.getWeightSpecs(manifest);
        const parts: Uint8Array[] = [];
        for (const name of manifest.flatMap(({ paths }) => paths)) {
          parts.push(await files.file(folder + name));
        }
        const bytes = joined(parts);
        const needed = bytesOf(specs);
        if (needed !== null && bytes.byteLength !== needed) {
          throw new Error(
            `the weights of ${path} are ${bytes.byteLength} bytes; it names ${needed} bytes of them`,
          );
        }
        return [specs, bytes.buffer];
      });
    },
  };
}

function parseModelJson(path: string, bytes: Uint8Array): tf.io.ModelJSON {
  let saved: Partial<tf.io.ModelJSON> | null;
  try {
    saved = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new Error(`${path} is no JSON`, { cause });
  }
  if (saved?.format === "graph-model") {
    throw new Error(`${path} is a graph model, which cannot be trained; save a layers model`);
  }
  if (typeof saved?.modelTopology !== "object" || !Array.isArray(saved.weightsManifest)) {
    throw new Error(
      `${path} has no modelTopology and weightsManifest: it is no saved layers model`,
    );
  }
  return saved as tf.io.ModelJSON;
}

/** Null where weights are quantized, whose size their dtype does not say. */
function bytesOf(specs: readonly tf.io.WeightsManifestEntry[]): number | null {
  let total = 0;
  for (const { shape, dtype, quantization } of specs) {
    if (quantization !== undefined || (dtype !== "float32" && dtype !== "int32")) return null;
    total += 4 * tf.util.sizeFromShape(shape);
  }
  return total;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
