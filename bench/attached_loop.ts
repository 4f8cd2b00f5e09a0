/**
 * The bench's MLP as a script, attached to a server on a port or (port 0) to none. Prints steps/s.
 *
 *   deno run -A bench/attached_loop.ts PORT WARM_UP_STEPS STEPS
 */
import { Trainer } from "../runtime/mod.ts";
import mlp from "./jobs/mlp.ts";

const [port, warmUp, steps] = Deno.args.map(Number) as [number, number, number];
const saveDir = await Deno.makeTempDir({ prefix: "onthefly-bench-" });
let began = 0;
let rate = 0;
const { job } = await Trainer.fit(
  {
    ...mlp,
    callbacks: [{
      onBatchEnd: ({ step }) => {
        if (step === warmUp) began = performance.now();
        if (step === warmUp + steps) rate = steps * 1_000 / (performance.now() - began);
      },
    }],
  },
  {
    ...(port === 0 ? { autoConnect: false } : { port }),
    maxSteps: warmUp + steps,
    ckptEverySteps: null,
    saveDir,
    progress: false,
  },
);
await Deno.remove(saveDir, { recursive: true });
if (port !== 0 && job === null) throw new Error("no server took the run");
console.log(rate);
