import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as tf from "@tensorflow/tfjs";
import { encode } from "fast-png";
import { openDataFolder } from "../../runtime/data/data_folder.ts";
import type { Batch } from "../../runtime/data/dataset.ts";
import { decodeImage } from "../../runtime/data/decode_image.ts";
import { imageFolder } from "../../runtime/data/image_folder.ts";
import { JPEG } from "../fixtures/small_jpeg.ts";

const grey = (value: number) =>
  encode({ width: 2, height: 2, channels: 1, data: new Uint8Array(4).fill(value) });

async function withImages(test: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    for (const name of ["cats", "dogs/old"]) {
      await Deno.mkdir(`${path}/${name}`, { recursive: true });
    }
    await Deno.writeFile(`${path}/cats/1.png`, grey(10));
    await Deno.writeFile(`${path}/cats/2.png`, grey(20));
    await Deno.writeFile(`${path}/dogs/old/3.jpg`, JPEG);
    await Deno.writeTextFile(`${path}/cats/readme.txt`, "no image");
    await test(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("imageFolder() decodes PNG and JPEG to one size, classes by folder", async () => {
  await withImages(async (path) => {
    const dataset = imageFolder(await openDataFolder(path, "pets"), { size: [4, 3], scale: 1 });
    assertEquals([dataset.length, dataset.classNames], [3, ["cats", "dogs"]]);
    assertEquals(dataset.labels, Int32Array.of(0, 0, 1));
    const batch = await dataset.batch(Int32Array.of(2, 1)) as Batch & {
      xs: tf.Tensor;
      ys: tf.Tensor;
    };
    assertEquals(batch.xs.shape, [2, 4, 3, 3]);
    const [red, green, blue] = batch.xs.dataSync();
    assert(Math.abs(red! - 200) < 4 && Math.abs(green! - 100) < 4 && Math.abs(blue! - 50) < 4);
    assertEquals(batch.xs.slice([1, 3, 2]).dataSync(), Float32Array.of(20, 20, 20));
    assertEquals(batch.ys.arraySync(), [[0, 1], [1, 0]]);
    tf.dispose([batch.xs, batch.ys]);
  });
});

Deno.test("imageFolder() augments with randomness keyed by seed, epoch and index", async () => {
  await withImages(async (path) => {
    const dataset = imageFolder(await openDataFolder(path, "pets"), {
      size: [1, 1],
      channels: 1,
      augment: ({ shape }, rng) => ({ values: Float32Array.of(rng.next()), shape }),
    });
    const draw = async (indices: number[], epoch: number) => {
      const { xs, ys } = await dataset.batch(Int32Array.from(indices), { seed: 1, epoch });
      const read = (xs as tf.Tensor).dataSync();
      tf.dispose([xs, ys]);
      return [...read];
    };
    const [, second] = await draw([0, 1], 4);
    assertEquals(await draw([1], 4), [second]);
    assert((await draw([1], 5))[0] !== second);
  });
});

Deno.test("imageFolder() names a file that is no image, damaged or gone, and folders that are no classes", async () => {
  await withImages(async (path) => {
    const broken: [string, Uint8Array, string][] = [
      ["0.png", new TextEncoder().encode("hello"), "pets/cats/0.png is neither a PNG nor a JPEG"],
      ["0.png", grey(1).subarray(0, 40), "pets/cats/0.png cannot be decoded"],
      ["0.png", JPEG.subarray(0, 30), "pets/cats/0.png cannot be decoded"],
    ];
    for (const [name, bytes, message] of broken) {
      await Deno.writeFile(`${path}/cats/${name}`, bytes);
      const dataset = imageFolder(await openDataFolder(path, "pets"), { size: [2, 2] });
      const batch = () => Promise.resolve(dataset.batch(Int32Array.of(0)));
      await assertRejects(batch, TypeError, message);
    }
    const cats = await openDataFolder(`${path}/dogs`, "dogs");
    assertThrows(() => imageFolder(cats, { size: [2, 2] }), RangeError, "in 1 folders");
    assertThrows(() => imageFolder(cats, { size: [0, 2] }), RangeError, "size must be");
    await assertRejects(() => cats.file("new/1.png"), Error, 'dogs has no file "new/1.png"');
  });
});

Deno.test("decodeImage() brings every depth and colour type of PNG to bytes", async () => {
  const rgb16 = Uint16Array.of(0xff00, 0x8000, 0x0100);
  const deep = encode({ width: 1, height: 1, channels: 3, depth: 16, data: rgb16 });
  assertEquals([...(await decodeImage(deep, "deep.png")).data], [255, 128, 1]);
  const bits = encode({
    width: 3,
    height: 2,
    channels: 1,
    depth: 1,
    data: Uint8Array.of(0b10100000, 0b01000000),
  });
  assertEquals([...(await decodeImage(bits, "bits.png")).data], [255, 0, 255, 0, 255, 0]);
});
