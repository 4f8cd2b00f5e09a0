/** Pixels of an image, row by row, `channels` bytes each: 1 grey, 2 grey and alpha, 3 RGB, 4 RGBA. */
export interface Pixels {
  width: number;
  height: number;
  channels: number;
  data: Uint8Array | Uint8ClampedArray;
}

/**
 * Decodes a PNG or a JPEG, known by its first bytes.
 *
 * @throws {TypeError} that names the file, when it is neither or damaged.
 */
export async function decodeImage(bytes: Uint8Array, name: string): Promise<Pixels> {
  const isPng = bytes[0] === 0x89 && bytes[1] === 0x50;
  const isJpeg = bytes[0] === 0xff && bytes[1] === 0xd8;
  if (!isPng && !isJpeg) throw new TypeError(`${name} is neither a PNG nor a JPEG image`);
  try {
    return isPng ? await decodePng(bytes) : await decodeJpeg(bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`${name} cannot be decoded: ${reason}`, { cause });
  }
}

async function decodePng(bytes: Uint8Array): Promise<Pixels> {
  const { convertIndexedToRgb, decode } = await import("fast-png");
  const image = decode(bytes, { checkCrc: true });
  const { width, height, depth } = image;
  if (image.palette !== undefined) {
    return { width, height, channels: image.palette[0]!.length, data: convertIndexedToRgb(image) };
  }
  const data = depth === 8 ? Uint8Array.from(image.data) : eightBits(image);
  return { width, height, channels: image.channels, data };
}

/** Samples of 16 bits by their upper half; of 1 to 4 bits, packed row by row, spread over 0 to 255. */
function eightBits(
  { width, height, depth, channels, data }: {
    width: number;
    height: number;
    depth: number;
    channels: number;
    data: ArrayLike<number>;
  },
): Uint8Array {
  const across = width * channels;
  if (depth === 16) return Uint8Array.from({ length: across * height }, (_, at) => data[at]! >> 8);
  const rowBytes = Math.ceil(across * depth / 8);
  const most = 2 ** depth - 1;
  return Uint8Array.from({ length: across * height }, (_, at) => {
    const bit = at % across * depth;
    const byte = data[Math.floor(at / across) * rowBytes + (bit >> 3)]!;
    return (byte >> (8 - depth - bit % 8) & most) * 255 / most;
  });
}

let jpegDecoder: Promise<(bytes: ArrayBuffer) => Promise<ImageData>> | undefined;

async function decodeJpeg(bytes: Uint8Array): Promise<Pixels> {
  jpegDecoder ??= startJpegDecoder();
  const decode = await jpegDecoder;
  const { width, height, data } = await decode(bytes.slice().buffer);
  return { width, height, channels: 4, data: new Uint8Array(data.buffer) };
}

/** The codec is a wasm module beside its package, read once. */
async function startJpegDecoder(): Promise<(bytes: ArrayBuffer) => Promise<ImageData>> {
  const { default: decode, init } = await import("@jsquash/jpeg/decode.js");
  const url = new URL(import.meta.resolve("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm"));
  await init(await WebAssembly.compile(await Deno.readFile(url)));
  return decode;
}
