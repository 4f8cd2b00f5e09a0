/**
 * The bytes, decompressed where they begin as gzip does (RFC 1952), and as they are otherwise.
 *
 * @throws {TypeError} when a gzip file is cut off or damaged.
 */
export async function gunzip(bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream();
  try {
    const opened = stream.pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(opened).arrayBuffer());
  } catch (cause) {
    throw new TypeError("the gzip data is cut off or damaged", { cause });
  }
}
