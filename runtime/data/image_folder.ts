import type { DataFolder } from "./data_folder.ts";
import type { Dataset } from "./dataset.ts";
import { decodeImage, type Pixels } from "./decode_image.ts";
import type { SampleRandom, SampleValues } from "./sample.ts";
import { SampleDataset } from "./sample_dataset.ts";

/** Options of {@linkcode imageFolder}. */
export interface ImageFolderOptions {
  /** Height and width that every image is brought to, by bilinear interpolation. */
  size: readonly [number, number];
  /** 1 for grey, 3 for RGB. Default 3; alpha is dropped. */
  channels?: 1 | 3;
  /** What bytes are multiplied by. Default 1/255. */
  scale?: number;
  /** Changes an image: float32, shape [height, width, channels], its randomness from `rng`. */
  augment?: (image: SampleValues, rng: SampleRandom) => SampleValues;
}

/**
 * A dataset of PNG and JPEG images in one folder a class (`cats/1.png`): xs float32 [samples,
 * height, width, channels], ys one-hot float32 [samples, classes]. Classes are the folders' names,
 * sorted; so are the samples. An image is read and decoded when a batch asks for it.
 *
 * @throws {RangeError} when there is no image in a folder, fewer than two classes, or a bad size.
 */
export function imageFolder(folder: DataFolder, options: ImageFolderOptions): Dataset {
  const [height, width] = options.size;
  if (![height, width].every((side) => Number.isInteger(side) && side > 0)) {
    throw new RangeError(`size must be [height, width], got [${options.size}]`);
  }
  const names = folder.files.filter((name) => /^[^/]+\/.*\.(png|jpe?g)$/i.test(name)).toSorted();
  const classOf = (name: string) => name.slice(0, name.indexOf("/"));
  const classNames = [...new Set(names.map(classOf))].toSorted();
  if (classNames.length < 2) {
    throw new RangeError(
      `${folder.name} has PNG or JPEG images in ${classNames.length} folders; it takes one a class`,
    );
  }
  const labels = Int32Array.from(names, (name) => classNames.indexOf(classOf(name)));
  const { channels = 3, scale = 1 / 255, augment } = options;
  return new SampleDataset({
    length: names.length,
    classNames,
    labels,
    async sample(index, rng) {
      const name = names[index]!;
      const pixels = await decodeImage(await folder.file(name), `${folder.name}/${name}`);
      const image = {
        values: resized(pixels, height, width, channels, scale),
        shape: [height, width, channels],
      };
      const ys = new Float32Array(classNames.length);
      ys[labels[index]!] = 1;
      return { xs: augment?.(image, rng) ?? image, ys };
    },
  });
}

/** Bilinear, with the centres of the pixels aligned. */
function resized(
  pixels: Pixels,
  height: number,
  width: number,
  channels: 1 | 3,
  scale: number,
): Float32Array {
  const values = new Float32Array(height * width * channels);
  const colour = channelReader(pixels, channels);
  let to = 0;
  for (let y = 0; y < height; y++) {
    const [top, bottom, down] = between(y, height, pixels.height);
    for (let x = 0; x < width; x++) {
      const [left, right, across] = between(x, width, pixels.width);
      for (let channel = 0; channel < channels; channel++) {
        const at = (row: number, column: number) => colour(row * pixels.width + column, channel);
        const above = at(top, left) * (1 - across) + at(top, right) * across;
        const below = at(bottom, left) * (1 - across) + at(bottom, right) * across;
        values[to++] = (above * (1 - down) + below * down) * scale;
      }
    }
  }
  return values;
}

/** The two source pixels around a target pixel, and how far it is from the first. */
function between(target: number, count: number, source: number): [number, number, number] {
  const place = Math.min(Math.max((target + 0.5) * source / count - 0.5, 0), source - 1);
  const first = Math.floor(place);
  return [first, Math.min(first + 1, source - 1), place - first];
}

/** Grey of colour by ITU-R BT.601; colour of grey is that grey. */
function channelReader({ data, channels }: Pixels, wanted: 1 | 3) {
  const isGrey = channels < 3;
  return (pixel: number, channel: number): number => {
    const at = pixel * channels;
    if (isGrey) return data[at]!;
    if (wanted === 3) return data[at + channel]!;
    return 0.299 * data[at]! + 0.587 * data[at + 1]! + 0.114 * data[at + 2]!;
  };
}
