import type { Handler } from "../command_router.ts";

/** Changes hyperparameters from the next step on. */
export const setHparams: Handler<"set_hparams"> = (session, payload, applied) => {
  applied();
  const { run, channel } = session;
  const { lr, gradClipNorm } = run.hparams;
  run.hparams = {
    lr: payload.lr ?? lr,
    gradClipNorm: payload.grad_clip_norm === undefined ? gradClipNorm : payload.grad_clip_norm,
  };
  const hparams = { lr: run.hparams.lr, grad_clip_norm: run.hparams.gradClipNorm };
  channel.emit("hparams_changed", { step: run.step, ...hparams });
  return Promise.resolve({ hparams });
};
