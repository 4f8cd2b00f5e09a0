/** Device nodes through which a GPU is reached: of any maker's, of NVIDIA's, of the host of WSL. */
const NODES = /^(dri|nvidia.*|dxg|kfd)$/;

/**
 * Paths of what GPUs are reached through; none: there is no GPU. Null where devices are no files, so
 * that only a driver can tell.
 */
export function gpuDevices(
  folder = "/dev",
  os: typeof Deno.build.os = Deno.build.os,
): string[] | null {
  if (os !== "linux") return null;
  return [...Deno.readDirSync(folder)]
    .map(({ name }) => name)
    .filter((name) => NODES.test(name))
    .sort()
    .map((name) => `${folder}/${name}`);
}
