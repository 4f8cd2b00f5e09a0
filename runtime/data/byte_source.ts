/** Bytes that are read in ranges: a file larger than memory, or bytes in memory. */
export interface ByteSource {
  /** As messages name it. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  /**
   * Bytes from `from` up to, not with, `to`.
   *
   * @throws {RangeError} for a range that is not within the bytes.
   */
  read(from: number, to: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** A file opened for ranged reads. It closes with `close`, at the latest with the process. */
export interface OpenedFile extends ByteSource {
  close(): void;
}

/** Bytes in memory as a {@linkcode ByteSource}; reads are copies. */
export function bytesSource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    size: bytes.length,
    read: (from, to) => {
      checkRange(name, bytes.length, from, to);
      return Promise.resolve(bytes.slice(from, to));
    },
  };
}

/** What a reader takes: a source as it is, bytes as a source of this name. */
export function asSource(source: ByteSource | Uint8Array, name: string): ByteSource {
  return source instanceof Uint8Array ? bytesSource(source, name) : source;
}

/**
 * Opens a file for ranged reads; none of it is read ahead.
 *
 * @throws {Deno.errors.NotFound}
 */
export async function openSource(path: string, name: string): Promise<OpenedFile> {
  const file = await Deno.open(path);
  const { size } = await file.stat();
  // A file has one position, so reads take turns.
  let last: Promise<unknown> = Promise.resolve();
  return {
    name,
    size,
    close: () => file.close(),
    read: (from, to) => {
      checkRange(name, size, from, to);
      const turn = last.then(() => readRange(file, name, from, to));
      last = turn.catch(() => {}); // Whoever asked is told; the next read is another matter.
      return turn;
    },
  };
}

async function readRange(
  file: Deno.FsFile,
  name: string,
  from: number,
  to: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(to - from);
  await file.seek(from, Deno.SeekMode.Start);
  for (let at = 0; at < bytes.length;) {
    const count = await file.read(bytes.subarray(at));
    if (count === null) throw new RangeError(`${name} ends at byte ${from + at}`);
    at += count;
  }
  return bytes;
}

function checkRange(name: string, size: number, from: number, to: number): void {
  if (
    Number.isSafeInteger(from) && Number.isSafeInteger(to) && 0 <= from && from <= to && to <= size
  ) {
    return;
  }
  throw new RangeError(`${name}: bytes ${from} to ${to} are not within its ${size}`);
}
