// @ts-check
import { changeText, decimal, percent, whole } from "./figures.js";

const GONE_AFTER_MS = 8000;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Says something in the page's one live region, where it also stays readable for a while.
 * @param {string} text
 * @param {{ kind?: "problem", href?: string, linkText?: string }} [options]
 */
export function say(text, options = {}) {
  const region = document.getElementById("receipt");
  if (region === null) return;
  region.replaceChildren(text);
  if (options.href !== undefined) {
    const link = document.createElement("a");
    link.href = options.href;
    link.textContent = options.linkText ?? "Open";
    region.append(" ", link);
  }
  region.dataset.kind = options.kind ?? "receipt";
  clearTimeout(timer);
  timer = setTimeout(() => region.replaceChildren(), GONE_AFTER_MS);
}

/** @param {string} text Said to who does not see the page change. */
export function announce(text) {
  const place = document.getElementById("announcer");
  if (place !== null) place.textContent = text;
}

/** @typedef {Record<string, unknown> & { command: string, status: string, applied_at_step: number | null }} Receipt */

/** What each command's receipt says. @type {Record<string, (receipt: Receipt, at: string) => string>} */
const SENTENCES = {
  pause: (_, at) => `Paused at ${at}`,
  resume: (_, at) => `Resumed at ${at}`,
  stop: (_, at) => `Stopped at ${at}`,
  checkpoint: (receipt, at) => `Saved checkpoint ${whole(number(receipt, "checkpoint"))} at ${at}`,
  rewind: (receipt) =>
    `Rewound to checkpoint ${whole(number(receipt, "checkpoint"))}, step ${
      whole(number(receipt, "step") ?? receipt.applied_at_step)
    }`,
  reset: (_, at) => `Reset at ${at}: it begins anew`,
  certificate: (receipt) => {
    const range = `steps ${whole(Number(receipt["from"]) + 1)} to ${whole(number(receipt, "to"))}`;
    return receipt["result"] === "identical"
      ? `Trained ${range} again: every bit is the same`
      : `Trained ${range} again: they differ${firstDifference(receipt)}`;
  },
  hparams: ({ changed }, at) => {
    const told = changeText(/** @type {Parameters<typeof changeText>[0]} */ (changed ?? {}));
    return `Hyperparameters set at ${at}${told === "" ? "" : `: ${told}`}`;
  },
  health: ({ health }, at) => {
    const { check, status, findings } =
      /** @type {{ check: string, status: string, findings: unknown[] }} */ (health);
    const found = findings.length === 0 ? "" : `, ${whole(findings.length)} found`;
    return `Checked ${check} at ${at}: ${status}${found}`;
  },
  test: (receipt, at) =>
    `Tested at ${at}: loss ${decimal(number(receipt, "loss"))}, accuracy ${
      percent(number(receipt, "accuracy"))
    }`,
};

/**
 * A receipt as a sentence: `Paused at step 1,204`.
 * @param {Receipt} receipt
 */
export function receiptText(receipt) {
  const at = `step ${whole(receipt.applied_at_step)}`;
  if (receipt.status === "failed") {
    const error = /** @type {{ message?: string } | undefined} */ (receipt["error"]);
    return `${receipt.command} failed: ${error?.message ?? "no reason given"}`;
  }
  return SENTENCES[receipt.command]?.(receipt, at) ?? `${receipt.command} applied at ${at}`;
}

/** Where a certificate found the first difference. @param {Receipt} receipt */
function firstDifference(receipt) {
  const step = /** @type {Record<string, any> | null} */ (receipt["first_step"] ?? null);
  if (step !== null) {
    return ` first at step ${whole(step["step"])}: ${step["field"]} ${
      decimal(step["logged"])
    }, now ${decimal(step["recomputed"])}`;
  }
  const tensor = /** @type {Record<string, any> | null} */ (receipt["first_tensor"] ?? null);
  return tensor === null
    ? ""
    : ` first in ${tensor["tensor"]} of checkpoint ${whole(tensor["checkpoint"])}`;
}

/** @param {Receipt} receipt @param {string} key @returns {number | null} */
function number(receipt, key) {
  const value = receipt[key];
  return typeof value === "number" ? value : null;
}
