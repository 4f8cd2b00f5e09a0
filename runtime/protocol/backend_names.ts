/** What a job may compute on; `auto`: the best of what is there. */
export const BACKENDS = ["auto", "tensorflow", "webgpu", "wasm", "cpu"] as const;
