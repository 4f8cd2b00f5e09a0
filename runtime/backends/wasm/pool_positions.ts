import type { Window } from "./window.ts";

/** The inputs that one output position pools. */
export interface PoolPosition {
  /** Where the position's first channel is in the outputs. */
  output: number;
  /** Where each input's first channel is; the first `count` are valid. */
  readonly inputs: Int32Array;
  /** Inputs under the filter, without padding. */
  count: number;
}

/**
 * Visits every output position of a pooling in the order batch, depth, height, width. The position
 * is one object, changed between visits.
 */
export function eachPoolPosition(window: Window, visit: (position: PoolPosition) => void): void {
  const { batch, channelsIn: channels, output, filter } = window;
  const [depth, height, width] = window.input;
  const inputs = new Int32Array(filter[0] * filter[1] * filter[2]);
  const position: PoolPosition = { output: 0, inputs, count: 0 };
  for (let image = 0; image < batch; image++) {
    for (let outZ = 0; outZ < output[0]; outZ++) {
      for (let outY = 0; outY < output[1]; outY++) {
        for (let outX = 0; outX < output[2]; outX++) {
          let count = 0;
          for (let tapZ = 0; tapZ < filter[0]; tapZ++) {
            const z = outZ * window.stride[0] + tapZ * window.dilation[0] - window.pad[0];
            if (z < 0 || z >= depth) continue;
            for (let tapY = 0; tapY < filter[1]; tapY++) {
              const y = outY * window.stride[1] + tapY * window.dilation[1] - window.pad[1];
              if (y < 0 || y >= height) continue;
              for (let tapX = 0; tapX < filter[2]; tapX++) {
                const x = outX * window.stride[2] + tapX * window.dilation[2] - window.pad[2];
                if (x < 0 || x >= width) continue;
                inputs[count++] = (((image * depth + z) * height + y) * width + x) * channels;
              }
            }
          }
          position.count = count;
          visit(position);
          position.output += channels;
        }
      }
    }
  }
}
