/** The thread of `input_thread.ts`: passes standard input on as it comes, and null at its end. */
globalThis.addEventListener("message", (event) => {
  const { port, sent, chunkBytes } = (event as MessageEvent<{
    port: MessagePort;
    sent: SharedArrayBuffer;
    chunkBytes: number;
  }>).data;
  passOn(port, new Int32Array(sent), new Uint8Array(chunkBytes));
}, { once: true });

async function passOn(port: MessagePort, sent: Int32Array, buffer: Uint8Array): Promise<void> {
  for (;;) {
    const count = await readInput(buffer);
    port.postMessage(count === null ? null : buffer.slice(0, count));
    Atomics.add(sent, 0, 1);
    Atomics.notify(sent, 0);
    if (count === null) return;
  }
}

async function readInput(buffer: Uint8Array): Promise<number | null> {
  try {
    return await Deno.stdin.read(buffer);
  } catch {
    // A broken input is an ended input.
    return null;
  }
}
